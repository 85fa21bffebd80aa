"""Limits over HTTP: fields of the standard, 429 with a time, for REST and for OpenAI's clients."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import openai
import pytest

from benchmarks.server import ServerProcess


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess(RYORIN_LIMITS__KEY_PER_MINUTE="60", RYORIN_LIMITS__KEY_BURST="4") as running:
        yield running


def test_who_sends_too_much_is_told_when_to_come_again(server: ServerProcess) -> None:
    with httpx.Client(base_url=server.base_url) as client:
        told = [client.get("/api/v1/me") for _ in range(5)]
        refused = told[-1]

        assert [one.status_code for one in told] == [200, 200, 200, 200, 429]
        assert told[0].headers["ratelimit-policy"] == '"key";q=4;w=4'
        assert told[0].headers["ratelimit"].startswith('"key";r=3;t=')
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["code"] == "rate_limited"
        # those who watch over the server are never refused
        assert all(client.get(path).status_code == 200 for path in ("/healthz", "/readyz", "/metrics") * 2)
        asked = openai.OpenAI(base_url=f"{server.base_url}/v1", api_key="x", max_retries=0)
        with pytest.raises(openai.RateLimitError) as limited:
            for _ in range(6):
                asked.models.list()
        assert limited.value.response.headers["retry-after"]


def test_openais_client_waits_and_gets_its_answer(server: ServerProcess) -> None:
    asked = openai.OpenAI(base_url=f"{server.base_url}/v1", api_key="x", max_retries=5)

    for _ in range(6):
        assert asked.models.list().data
