"""WebSockets against a real server, by a client that knows nothing of ours."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from benchmarks.server import ServerProcess
from benchmarks.upstream import UpstreamProcess

PIECES = 40


@pytest.fixture(scope="module")
def slow(server: ServerProcess) -> Iterator[str]:
    """A model that says forty words, one every twentieth of a second."""
    with UpstreamProcess(pieces=PIECES, seconds=0.05) as upstream, httpx.Client(base_url=server.base_url) as client:
        client.put("/api/v1/providers/slow", json={"base_url": upstream.base_url}).raise_for_status()
        client.put("/api/v1/providers/slow/models/slow", json={"model": "mock", "price": {}}).raise_for_status()
        yield "slow"


def address(server: ServerProcess, path: str = "/ws/stream") -> str:
    return server.base_url.replace("http", "ws", 1) + path


def ask(name: str, text: str, model: str = "extractive/collection/docs", **more: Any) -> str:
    request = {"model": model, "messages": [{"role": "user", "content": text}], **more}
    return json.dumps({"type": "ask", "id": name, "request": request})


async def heard(socket: ClientConnection, until: str = "done") -> AsyncIterator[dict[str, Any]]:
    """Messages up to one of a type."""
    while True:
        message = json.loads(await socket.recv())
        yield message
        if message["type"] == until:
            return


async def test_a_grounded_answer_comes_in_pieces_with_its_citations(server: ServerProcess) -> None:
    async with connect(address(server)) as socket:
        for layer in ("miss", "l1"):
            await socket.send(ask("q1", "When does the Tokyo office open then?"))
            messages = [message async for message in heard(socket)]

            text = "".join(message.get("text", "") for message in messages)
            assert "opens at nine" in text
            assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
            told = messages[-1]["answer"]["ryorin"]
            assert told["citations"][0]["document"] == "office.md"
            assert told["cache"] in (layer, "l2")


async def test_several_answers_share_a_connection_and_one_is_cancelled(server: ServerProcess, slow: str) -> None:
    async with connect(address(server)) as socket:
        await socket.send(ask("slow", "Tell me everything", slow))
        await socket.recv()
        await socket.send(ask("quick", "Is coffee free for everyone?"))
        await socket.send(json.dumps({"type": "cancel", "id": "slow"}))
        ends: set[tuple[str, str]] = set()
        while len(ends) < 2:
            message = json.loads(await socket.recv())
            if message["type"] in ("done", "cancelled"):
                ends.add((message["id"], message["type"]))

    assert ends == {("slow", "cancelled"), ("quick", "done")}


async def test_a_stream_goes_on_after_the_connection_was_lost(server: ServerProcess, slow: str) -> None:
    text, last = "", {}
    async with connect(address(server)) as socket:
        await socket.send(ask("q1", "Tell me all of it", slow))
        async for message in heard(socket):
            text, last = text + message.get("text", ""), message
            if message["seq"] == 5:
                break
        # as a network does it
        socket.transport.abort()

    async with connect(address(server)) as socket:
        await socket.send(json.dumps({"type": "resume", "id": "q2", "stream": last["stream"], "after": last["seq"]}))
        numbers = []
        async for message in heard(socket):
            text += message.get("text", "")
            numbers.append(message["seq"])

    assert numbers == list(range(6, PIECES + 2))
    assert text == message["answer"]["choices"][0]["message"]["content"]
    assert len(text.split()) == PIECES


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("no json", "invalid_input"),
        ('{"type": "dance"}', "invalid_input"),
        ('{"type": "ask", "id": "q", "request": {"messages": 3}}', "invalid_input"),
        ('{"type": "cancel", "id": "nothing"}', "invalid_input"),
        ('{"type": "resume", "id": "q", "stream": "nothing"}', "not_found"),
        (ask("q", "Hello", "dodo"), "model_not_found"),
        (ask("", "Hello"), "invalid_input"),
    ],
)
async def test_a_mistake_is_told_and_the_connection_goes_on(server: ServerProcess, said: str, code: str) -> None:
    async with connect(address(server)) as socket:
        await socket.send(said)
        message = json.loads(await socket.recv())
        assert message["type"] == "error"
        assert message["error"]["code"] == code
        await socket.send('{"type": "ping"}')
        assert json.loads(await socket.recv()) == {"type": "pong"}


@pytest.mark.parametrize("path", ["/ws/stream", "/ws/events"])
async def test_a_page_of_another_origin_is_turned_away(server: ServerProcess, path: str) -> None:
    with pytest.raises(InvalidStatus):
        async with connect(address(server, path), origin="https://evil.example"):
            pass
    async with connect(address(server, path), origin=server.base_url):  # type: ignore[arg-type]  # a NewType of theirs
        pass


async def test_commands_are_followed_to_their_end(server: ServerProcess) -> None:
    async with connect(address(server, "/ws/events")) as socket, httpx.AsyncClient(base_url=server.base_url) as client:
        await socket.send("ping")
        assert json.loads(await socket.recv()) == {"type": "pong"}
        put = await client.put("/api/v1/collections/followed/documents/a.md", content=b"# A\n\nText.\n")
        assert put.status_code == 202
        states = []
        async for message in heard(socket, until="never"):
            if message["type"] == "command" and message["command"]["id"] == put.json()["id"]:
                states.append(message["command"]["state"])
                if message["command"]["ended"]:
                    break

    assert states[-1] == "succeeded"
