from __future__ import annotations

import pytest

from ryorin.contexts.identity.read.authentication import check_exposure, is_loopback
from ryorin.contexts.identity.secrets import matches, new_key, split_key
from ryorin.kernel.errors import InvalidInput


def test_a_key_is_split_and_matched_and_shows_no_secret() -> None:
    key = new_key(lambda count: bytes(range(count)))

    parts = split_key(key.text)

    assert parts is not None
    assert parts[0] == key.prefix
    assert matches(parts[1], key.secret_hash)
    assert not matches(parts[1][:-1] + "0", key.secret_hash)
    assert key.text not in repr(key)


@pytest.mark.parametrize("text", ["", "ryo_x", "sk-123", "ryo_a_b_c", "ryo_ä_b"])
def test_other_tokens_are_no_keys(text: str) -> None:
    assert split_key(text) is None


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("127.8.8.8", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.org", False),
    ],
)
def test_only_this_machine_reaches_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_an_open_server_refuses_other_addresses() -> None:
    with pytest.raises(InvalidInput, match="keys create"):
        check_exposure("0.0.0.0", keys_exist=False)
    check_exposure("0.0.0.0", keys_exist=True)
    check_exposure("127.0.0.1", keys_exist=False)
