"""What must not be in a log is not."""

from __future__ import annotations

import pytest

from ryorin.adapters.otel.redaction import redact, redacted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key ryo_856de585460f_3170ce771c6658e383074311ffe12f57 refused", "key ryo_856de585460f_[secret] refused"),
        ("Incorrect API key provided: sk-proj-abcdefghijklmnop.", "Incorrect API key provided: [key]."),
        ("authorization: Bearer abc.def-ghi_jkl", "authorization: Bearer [secret]"),
        ("eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2EifQ.c2lnbmF0dXJl expired", "[token] expired"),
        ("postgresql://ryorin:hunter2hunter@db/ryorin", "postgresql://ryorin:[secret]@db/ryorin"),
        ("redis://:hunter2hunter@cache:6379/0", "redis://:[secret]@cache:6379/0"),
        ("password=hunter2hunter host=db", "password=[secret] host=db"),
        ('{"api_key": "abcd1234"}', '{"api_key": "[secret]"}'),
        ("alice.smith+x@mail.example.co.jp wrote", "[e-mail] wrote"),
        ("鈴木さん <suzuki@例.example> へ", "鈴木さん <[e-mail]> へ"),
    ],
)
def test_secrets_and_addresses_are_taken_out(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "command 0193a1b2-0000-7000-8000-000000000000 succeeded at 765-2",
        "GET /api/v1/collections/docs/documents/a@b failed",
        "the token of the write is 765-2",
        "http://127.0.0.1:8600/healthz",
        "needs the scope 'knowledge:read'",
    ],
)
def test_what_helps_to_find_a_fault_stays(text: str) -> None:
    assert redacted(text) == text


def test_it_reaches_every_depth_of_a_line() -> None:
    line = {"event": "a@b.example", "more": {"list": ["sk-abcdefghijklmnop"]}, "count": 3}

    assert redact(None, "info", line) == {"event": "[e-mail]", "more": {"list": ["[key]"]}, "count": 3}
