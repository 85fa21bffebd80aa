"""Other people's programs, unchanged: LangChain's ChatOpenAI, and the `llm` command line tool."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langfuse import Langfuse
from langfuse.api import NotFoundError
from pydantic import BaseModel, SecretStr

from benchmarks.server import ServerProcess


def chat(server: ServerProcess, model: str = "smollm2", **more: object) -> ChatOpenAI:
    options = {"max_tokens": 60, "temperature": 0, **more}
    return ChatOpenAI(base_url=f"{server.base_url}/v1", api_key=SecretStr("any"), model=model, **options)  # type: ignore[arg-type]


def test_langchain_asks_and_streams(server: ServerProcess) -> None:
    answer = chat(server, "extractive/collection/docs").invoke("When does the Tokyo office open?")
    assert "opens at nine. [1]" in str(answer.content)

    model = chat(server, max_tokens=12)
    whole = str(model.invoke("Say hello.").content)
    assert whole
    assert "".join(str(piece.content) for piece in model.stream("Say hello.")) == whole
    assert model.invoke("Say hello.").usage_metadata is not None


def test_langchain_has_tools_called_and_answers_parsed(server: ServerProcess) -> None:
    @tool
    def get_weather(city: str) -> str:
        """The weather of a city."""
        return "sunny"

    class Place(BaseModel):
        city: str
        inhabitants: int

    called = chat(server).bind_tools([get_weather], tool_choice="required").invoke("How is the weather in Paris?")
    assert [(one["name"], set(one["args"])) for one in called.tool_calls] == [("get_weather", {"city"})]  # type: ignore[attr-defined]
    place = chat(server).with_structured_output(Place, method="json_schema").invoke("Describe Paris.")
    assert isinstance(place, Place)


def test_langchain_speaks_responses_too(server: ServerProcess) -> None:
    answer = chat(server, "extractive/collection/docs", use_responses_api=True).invoke("Is coffee free?")

    assert "Coffee is free" in answer.text


@pytest.mark.parametrize("options", [(), ("--no-stream",)])
def test_the_llm_tool_asks(server: ServerProcess, tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- model_id: ryorin\n  model_name: extractive/collection/docs\n  api_base: {server.base_url}/v1\n"
    )
    # the bundled model's package is a plugin of this tool too, and would want another library
    environment = {**os.environ, "LLM_USER_PATH": str(tmp_path), "OPENAI_API_KEY": "any", "LLM_LOAD_PLUGINS": ""}
    command = [sys.executable, "-m", "llm", "-m", "ryorin", *options, "When does the Tokyo office open?"]

    finished = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=120)

    assert finished.returncode == 0, finished.stderr
    assert "The Tokyo office opens at nine. [1]" in finished.stdout


def test_langfuses_client_reads_prompts(server: ServerProcess) -> None:
    versions = f"{server.base_url}/api/v1/prompts/{{}}/versions"
    for name, body in (
        ("tone", {"text": "Be kind to {{who}}.", "kind": "text", "labels": ["production"]}),
        ("greeter", {"text": "{{> tone}} Say {{word}}.", "kind": "text", "labels": ["production"]}),
        (
            "chatter",
            {
                "messages": [
                    {"role": "system", "content": "You speak {{language}}."},
                    {"role": "user", "content": "こんにちは、{{who}}"},
                ],
                "parameters": {"model": "smollm2", "temperature": 0.2},
                "labels": ["staging"],
            },
        ),
    ):
        assert httpx.post(versions.format(name), json=body).status_code == 200
    httpx.patch(f"{server.base_url}/api/v1/prompts/chatter", json={"tags": ["talk"]}).raise_for_status()
    client = Langfuse(public_key="pk-any", secret_key="sk-any", base_url=server.base_url, tracing_enabled=False)
    try:
        text = client.get_prompt("greeter", cache_ttl_seconds=0)
        assert (text.version, text.compile(who="all", word="yes")) == (1, "Be kind to all. Say yes.")
        talk = client.get_prompt("chatter", label="staging", type="chat", cache_ttl_seconds=0)
        assert talk.compile(language="Japanese", who="花子") == [
            {"role": "system", "content": "You speak Japanese."},
            {"role": "user", "content": "こんにちは、花子"},
        ]
        assert (talk.config["model"], talk.config["temperature"], talk.tags) == ("smollm2", 0.2, ["talk"])
        assert client.get_prompt("chatter", version=1, type="chat", cache_ttl_seconds=0).labels == ["latest", "staging"]
        with pytest.raises(NotFoundError):
            client.get_prompt("chatter", label="nowhere", cache_ttl_seconds=0, max_retries=0)
        listed = client.api.prompts.list(name="greeter", limit=1)
        assert [(one.name, one.versions) for one in listed.data] == [("greeter", [1])]
        assert (listed.meta.total_items, listed.meta.total_pages) == (1, 1)
        assert client.api.prompts.list(limit=1).meta.total_pages >= 3
        assert [one.name for one in client.api.prompts.list(tag="talk").data] == ["chatter"]
    finally:
        client.shutdown()


def test_prompts_that_say_the_same_are_told_by_their_own_names(server: ServerProcess) -> None:
    for name in ("twin-a", "twin-b"):
        body = {"text": "The same.", "labels": ["production"]}
        httpx.post(f"{server.base_url}/api/v1/prompts/{name}/versions", json=body).raise_for_status()
    for name in ("twin-a", "twin-b", "twin-a"):
        found = httpx.get(f"{server.base_url}/api/public/v2/prompts/{name}").raise_for_status().json()
        assert (found["name"], found["id"]) == (name, f"{name}@1")
