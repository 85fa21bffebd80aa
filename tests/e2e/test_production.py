"""A prompt in production, as its people meet it: OpenAI's client asks, HTTP and the command line tell how it goes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from benchmarks.server import ServerProcess
from tests.e2e.test_batch import inside


@pytest.fixture
def api(server: ServerProcess) -> httpx.Client:
    return httpx.Client(base_url=f"{server.base_url}/api/v1", timeout=60)


def until(ask: Any, seconds: float = 30) -> Any:
    ends = time.monotonic() + seconds
    while not (found := ask()):
        assert time.monotonic() < ends
        time.sleep(0.2)
    return found


def test_what_is_asked_is_counted_scored_judged_and_becomes_a_dataset(
    server: ServerProcess,
    api: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    body = {"text": "You work for {{company}}.", "labels": ["production"]}
    api.post("/prompts/porter/versions", json=body).raise_for_status()
    api.put(
        "/objectives/sources",
        json={
            "prompt": "porter",
            "indicator": "quality",
            "metric": "regex",
            "option": r"\[1\]",
            "threshold": 0.5,
            "target": 0.9,
            "sample": 1.0,
        },
    ).raise_for_status()
    wrong = api.put(
        "/objectives/fast", json={"prompt": "porter", "indicator": "latency", "threshold": 2400, "target": 0.9}
    )
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_input")
    assert "near are 2200 and 2500" in wrong.json()["detail"]

    client = openai.OpenAI(base_url=f"{server.base_url}/v1", api_key="any", max_retries=0)
    prompt = {"name": "porter", "variables": {"company": "Example Ltd"}}
    asked = ["When does the Tokyo office open?", "Is coffee free?", "図書館の休館日は何曜日ですか？"]
    answers = []
    for text in (*asked, asked[0]):
        answers.append(
            client.chat.completions.create(
                model="extractive/collection/docs",
                messages=[{"role": "user", "content": text}],
                extra_body={"prompt": prompt},
            )
        )
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(
            model="extractive/collection/docs",
            messages=[{"role": "user", "content": "Hi"}],
            extra_body={"prompt": {"name": "porter"}},
        )

    # sums are written by the second, so that the first may be there before the last
    def used() -> list[dict[str, Any]]:
        return [one for one in api.get("/prompts/porter/usage").json()["uses"] if one["totals"]["answers"] >= 4]

    (use,) = until(used)
    assert (use["label"], use["version"], use["totals"]["answers"], use["totals"]["failed"]) == ("production", 1, 4, 0)
    assert use["totals"]["cached"] == 1

    def scored() -> list[dict[str, Any]]:
        found = api.get("/prompts/porter/answers").json()["samples"]
        return found if len(found) == 4 and all(one["scores"] for one in found) else []

    until(scored)
    status = until(lambda: (found := api.get("/objectives/sources").json()["status"])["counted"] >= 4 and found)
    assert (status["counted"], status["good"], status["level"]) == (4, 4, "ok")

    said = {"rating": "bad", "correction": "At nine, Tokyo time."}
    api.post(f"/answers/{answers[0].id}/feedback", json=said).raise_for_status()
    missing = api.post("/answers/chatcmpl-none/feedback", json=said)
    assert (missing.status_code, missing.json()["code"]) == (404, "sample_not_found")
    made = api.post("/datasets/porter/from-answers", json={"prompt": "porter", "rating": "bad"}).json()
    # asked twice and answered with the same answer, which was found bad: two items of one source
    assert made["result"]["items"] == 2
    items = api.get("/datasets/porter/items").json()["items"]
    assert {one["expected"] for one in items} == {"At nine, Tokyo time."}
    assert len({one["source"] for one in items}) == 1

    api.put("/annotation-queues/porter", json={"rubric": "It is right."}).raise_for_status()
    queued = api.post("/annotation-queues/porter/items", json={"prompt": "porter", "limit": 2}).json()
    assert queued["result"]["items"] == 2
    item = api.get("/annotation-queues/porter/next").json()
    assert item["question"] in asked and item["answer"] and "scores" not in item
    judged = {"item": item["id"], "passed": True, "comment": "right"}
    api.post("/annotation-queues/porter/annotations", json=judged).raise_for_status()
    report = api.get("/annotation-queues/porter").json()
    assert (report["items"], report["done"], report["passed"]) == (2, 1, 1)

    def told(*arguments: str) -> Any:
        assert inside(monkeypatch, server.data_dir, *arguments, "--json") == 0
        return json.loads(capsys.readouterr().out)

    assert told("objectives", "show", "sources")["status"]["counted"] == 4
    assert told("objectives", "usage", "--prompt", "porter")["uses"][0]["totals"]["answers"] == 4
    for arguments, words in (
        (("objectives", "list"), "porter@production"),
        (("objectives", "show", "sources"), "100.0% of the error budget is left"),
        (("objectives", "usage"), "porter@1"),
        (("datasets", "collect", "porter-all", "--prompt", "porter"), "porter-all has 4 items"),
        (("objectives", "remove", "sources"), "sources is wanted no more"),
        (("webhooks", "list"), "webhook"),
    ):
        assert inside(monkeypatch, server.data_dir, *arguments) == 0
        assert words in capsys.readouterr().out
    assert inside(monkeypatch, server.data_dir, "objectives", "show", "sources") == 2
    assert "there is no objective 'sources'" in capsys.readouterr().err
