"""Does one process carry ten thousand WebSockets, each with an answer of its own under way?

Clients in processes of their own connect to /ws/stream, and ask one of 200 questions each; the model says fifty words
at a fixed pace. Nothing may be dropped: every client must get all words, in order, and the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import time
from typing import Any

import httpx
import psutil
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from benchmarks.measure import Machine, percentile, report, say
from benchmarks.server import ServerProcess
from benchmarks.upstream import UpstreamProcess

CLIENTS, QUICK_CLIENTS = 10_000, 40
WORDS, PACE_SECONDS, QUICK_PACE = 50, 1.5, 0.02
QUESTIONS = 200
PROCESSES = 4
CONNECTING = 100
MEGABYTE = 1024 * 1024


class Clients:
    """Many clients in one process."""

    def __init__(self, url: str, first: int, count: int) -> None:
        self._url = url
        self._first = first
        self._count = count
        self._begin = asyncio.Event()
        self.delays: list[float] = []
        self.dropped = 0

    async def run(self) -> None:
        """Connect all, say so, wait for the word on stdin, ask, listen."""
        gate = asyncio.Semaphore(CONNECTING)
        connected = 0

        async def one(number: int) -> None:
            nonlocal connected
            try:
                async with gate:
                    socket = await connect(self._url, compression=None, open_timeout=60, ping_interval=None)
                connected += 1
                if connected == self._count:
                    print("connected", flush=True)
                await self._begin.wait()
                await asyncio.sleep((number % 100) / 100)
                async with socket:
                    await self._listen(socket, number)
            except (OSError, WebSocketException, TimeoutError, ValueError):
                self.dropped += 1

        async def told() -> None:
            await asyncio.to_thread(sys.stdin.readline)
            self._begin.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(told())
            for number in range(self._first, self._first + self._count):
                group.create_task(one(number))

    async def _listen(self, socket: ClientConnection, number: int) -> None:
        request = {
            "model": "slow",
            "messages": [{"role": "user", "content": f"Question {number % QUESTIONS}"}],
        }
        await socket.send(json.dumps({"type": "ask", "id": "q", "request": request}))
        text, last, expected = "", 0.0, 1
        while True:
            async with asyncio.timeout(120):
                message: dict[str, Any] = json.loads(await socket.recv())
            now = time.perf_counter()
            if message["seq"] != expected:
                raise ValueError("a message is missing")
            expected += 1
            if message["type"] == "done":
                break
            if last:
                self.delays.append(now - last)
            text, last = text + message["text"], now
        if len(text.split()) != WORDS or message["answer"]["choices"][0]["message"]["content"] != text:
            raise ValueError("words are missing")


def be_clients(url: str, first: int, count: int) -> None:
    """What a process of clients does: its figures are the last line of stdout."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    clients = Clients(url, first, count)
    asyncio.run(clients.run())
    kept = sorted(clients.delays)[:: max(1, len(clients.delays) // 5000)]
    print(json.dumps({"dropped": clients.dropped, "delays": [round(one, 4) for one in kept]}), flush=True)


def run(count: int, pace: float) -> None:
    """Start everything, and watch the server's memory."""
    machine = Machine()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    if limit < count + 1000:
        raise SystemExit(f"{limit} files may be open at a time; {count} clients need {count + 1000}")
    with (
        UpstreamProcess(pieces=WORDS, seconds=pace) as upstream,
        ServerProcess() as server,
        httpx.Client(base_url=server.base_url, timeout=60) as client,
    ):
        client.put("/api/v1/providers/mock", json={"base_url": upstream.base_url}).raise_for_status()
        client.put("/api/v1/providers/mock/models/slow", json={"model": "mock", "price": {}}).raise_for_status()
        process = psutil.Process(server.pid)
        idle = process.memory_info().rss / MEGABYTE
        url = server.base_url.replace("http", "ws", 1) + "/ws/stream"
        each = count // PROCESSES
        arguments = [sys.executable, "-m", "benchmarks.sockets", "--url", url, "--count", str(each), "--first"]
        groups = [
            subprocess.Popen([*arguments, str(number * each)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for number in range(PROCESSES)
        ]
        for group in groups:
            line = group.stdout.readline() if group.stdout else ""
            if line.strip() != "connected":
                raise SystemExit("not every client could connect")
        connected = process.memory_info().rss / MEGABYTE
        say(f"{each * PROCESSES} clients are connected: {connected:.0f} MB, {idle:.0f} before")
        started, peak = time.perf_counter(), connected
        for group in groups:
            if group.stdin:
                group.stdin.write("go\n")
                group.stdin.flush()
        while any(group.poll() is None for group in groups):
            peak = max(peak, process.memory_info().rss / MEGABYTE)
            time.sleep(0.5)
        seconds = time.perf_counter() - started
        told = [json.loads((group.stdout.read() if group.stdout else "").splitlines()[-1]) for group in groups]
        calls = upstream.calls()
    delays = [delay * 1000 for one in told for delay in one["delays"]]
    figures = {
        "connections": each * PROCESSES,
        "dropped": sum(one["dropped"] for one in told),
        "server_rss_mb": round(peak, 1),
        "idle_rss_mb": round(idle, 1),
        "kib_per_connection": round((connected - idle) * 1024 / (each * PROCESSES), 1),
        "kib_per_streaming_connection": round((peak - idle) * 1024 / (each * PROCESSES), 1),
        "inter_token_p50_ms": percentile(delays, 50),
        "inter_token_p95_ms": percentile(delays, 95),
        "inter_token_p95_ratio_to_pace": round(percentile(delays, 95) / (pace * 1000), 3),
        "messages_per_s": round(each * PROCESSES * (WORDS + 1) / seconds, 1),
        "model_calls": calls,
        "seconds": round(seconds, 1),
    }
    config = {"words": WORDS, "pace_s": pace, "questions": QUESTIONS, "client_processes": PROCESSES}
    report("sockets", figures, {}, machine, config)


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="forty clients, for correctness only")
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, default=CLIENTS, help="how many clients")
    arguments = parser.parse_args()
    if arguments.url:
        be_clients(arguments.url, arguments.first, arguments.count)
    elif arguments.quick:
        run(QUICK_CLIENTS, QUICK_PACE)
    else:
        run(arguments.count, PACE_SECONDS)


if __name__ == "__main__":
    main()
