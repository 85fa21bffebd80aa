"""Child processes that parse, each for many files; one that hangs, dies or grows is replaced."""

from __future__ import annotations

import contextlib
import json
import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, cast

from ryorin.adapters.parsers.child import HEADER
from ryorin.adapters.parsers.formats import ParserLimits
from ryorin.contexts.knowledge.errors import UnreadableDocument


@dataclass(frozen=True, slots=True)
class Extracted:
    """What a child read from a file."""

    text: str
    title: str | None


class Sandbox:
    """At most `processes` children at a time; callers beyond that wait."""

    def __init__(self, limits: ParserLimits, processes: int = 2) -> None:
        self._limits = limits
        self._places: queue.Queue[subprocess.Popen[bytes] | None] = queue.LifoQueue()
        for _ in range(processes):
            self._places.put(None)

    def extract(self, content: bytes, filename: str, media_type: str) -> Extracted:
        """Parse in a child; raises UnreadableDocument, also when the child hung or died of the file."""
        with self._child() as child:
            timer = threading.Timer(self._limits.seconds, child.kill)
            timer.start()
            try:
                answer = _exchange(child, content, media_type)
            except (OSError, EOFError) as error:
                timed_out = not timer.is_alive()
                child.kill()
                reason = f"took longer than {self._limits.seconds:g} s" if timed_out else "broke its parser"
                raise UnreadableDocument(f"{filename}: the file {reason}; it is damaged or too large") from error
            finally:
                timer.cancel()
        return _extracted(answer, filename)

    @contextlib.contextmanager
    def _child(self) -> Iterator[subprocess.Popen[bytes]]:
        child = self._places.get()
        if child is None or child.poll() is not None:
            child = self._start()
        try:
            yield child
        finally:
            if child.poll() is not None:
                _reap(child)
            self._places.put(child if child.returncode is None else None)

    def _start(self) -> subprocess.Popen[bytes]:
        arguments = [sys.executable, "-m", "ryorin.adapters.parsers.child", str(self._limits.memory_bytes)]
        return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def close(self) -> None:
        """End all children that are not at work; those that are end when their pipe closes."""
        while not self._places.empty():
            child = self._places.get_nowait()
            if child is not None:
                child.kill()
                _reap(child)


def _exchange(child: subprocess.Popen[bytes], content: bytes, media_type: str) -> dict[str, str]:
    request = json.dumps({"media_type": media_type}).encode()
    requests, answers = cast(IO[bytes], child.stdin), cast(IO[bytes], child.stdout)
    requests.write(HEADER.pack(len(request), len(content)) + request)
    requests.write(content)
    requests.flush()
    header = answers.read(4)
    if len(header) < 4:  # noqa: PLR2004 - the length that stands before every answer
        raise EOFError("the parser ended")
    body = answers.read(struct.unpack("!I", header)[0])
    return cast(dict[str, str], json.loads(body))


def _reap(child: subprocess.Popen[bytes]) -> None:
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):  # what was left unsent to a dead child
                pipe.close()


def _extracted(answer: dict[str, str], filename: str) -> Extracted:
    if "error" in answer:
        raise UnreadableDocument(f"{filename}: the file could not be read ({answer['error']}); is it damaged?")
    return Extracted(answer["text"], answer.get("title"))
