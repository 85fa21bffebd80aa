"""`ryorin demo`: the main job on real documents, over HTTP, as users meet it; fails if any promise does not hold."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.table import Table

from ryorin.entrypoints.cli.session import Session, print_json
from ryorin.kernel.errors import InvalidInput, RyorinError, Unavailable
from ryorin.kernel.events import LogPosition

COLLECTION = "ryorin-docs"
START_SECONDS = 60.0
# question, document that must be cited, words that must be in the answer
QUESTIONS = (
    ("What does a write answer with?", "en/consistency.md", "consistency token"),
    ("Which command keeps a folder in sync?", "en/getting-started.md", "--watch"),
    ("When is a cached answer served?", "en/caching.md", "context"),
    ("書き込みは何を返しますか？", "ja/consistency.md", "整合性トークン"),
    ("フォルダーを同期し続けるコマンドはどれですか？", "ja/getting-started.md", "--watch"),
    ("キャッシュされた回答はいつ使われますか？", "ja/caching.md", "文脈"),
)
EDITED = "en/house-rules.md"
BEFORE = "# House rules of the demo\n\nThe demo office in Kyoto opens at nine in the morning.\n"
AFTER = "# House rules of the demo\n\nThe demo office in Kyoto opens at half past ten in the morning.\n"
EDIT_QUESTION = "When does the demo office in Kyoto open?"


def add(cli: typer.Typer, session: Session) -> None:
    """Add the command."""

    @cli.command()
    def demo(
        docs: Annotated[Path, typer.Option(help="The folder with en/ and ja/.")] = Path("docs"),
        json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout, the story on stderr.")] = False,
    ) -> None:
        """Ingest the project's own documents, ask, edit one, and see the answer change."""
        try:
            show = Demo(replace(session, out=session.err) if json else session, docs)
            ok = show.run()
        except RyorinError as error:
            session.fail(error)
        if json:
            print_json([{"promise": promise, "held": held} for promise, held in show.checks])
        if not ok:
            raise typer.Exit(1)


@dataclass(slots=True)
class Demo:
    """One run; `checks` collects what was promised and whether it held."""

    session: Session
    docs: Path
    checks: list[tuple[str, bool]] = field(default_factory=list)
    _token: str = ""

    def run(self) -> bool:
        """Everything; whether all of it held."""
        if not (self.docs / "en").is_dir() or not (self.docs / "ja").is_dir():
            raise InvalidInput(f"{self.docs} has no folders en/ and ja/; run the demo in Ryorin's own folder")
        started = time.monotonic()
        with running_server(self.session) as client, tempfile.TemporaryDirectory() as folder:
            shutil.copytree(self.docs / "en", Path(folder) / "en")
            shutil.copytree(self.docs / "ja", Path(folder) / "ja")
            self._say(f"server up after {time.monotonic() - started:.1f} s")
            self._ingest(client, Path(folder))
            self._ask_all(client, started)
            self._edit(client)
        return self._table()

    def _ingest(self, client: httpx.Client, folder: Path) -> None:
        started, outcomes = time.monotonic(), []
        commands = [
            _checked(client.put(_document(path.relative_to(folder).as_posix()), content=path.read_bytes())).json()
            for path in sorted(folder.rglob("*.md"))
        ]
        for command in commands:
            outcomes.append(_ended(client, command["id"]))
        # answers may only be kept once the index has seen everything: the first questions carry this token
        self._token = max((outcome["position"] or "0-0" for outcome in outcomes), key=LogPosition.parse)
        states = [outcome["result"]["outcome"] for outcome in outcomes if outcome["result"]]
        self._check("every document is ingested", len(states) == len(commands))
        counted = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
        self._say(f"{len(commands)} documents in {time.monotonic() - started:.1f} s: {counted}")

    def _ask_all(self, client: httpx.Client, started: float) -> None:
        for number, (question, document, words) in enumerate(QUESTIONS):
            body, milliseconds = self._ask(client, question, self._token)
            if number == 0:
                self._say(f"first answer {time.monotonic() - started:.1f} s after the start")
            cited = {citation["document"] for citation in body["ryorin"]["citations"]}
            right = document in cited and words in _text(body)
            self._show(question, body, milliseconds)
            self._check(f"“{question}” is answered from {document}", right)
            again, faster = self._ask(client, question)
            layer = again["ryorin"]["cache"]
            self._say(f"  asked again: {layer} in {faster:.1f} ms")
            self._check(f"“{question}” comes from the cache the second time", layer in ("l1", "l2"))

    def _edit(self, client: httpx.Client) -> None:
        self._put(client, BEFORE)
        before, milliseconds = self._ask(client, EDIT_QUESTION, self._token)
        self._show(EDIT_QUESTION, before, milliseconds)
        hit, _ = self._ask(client, EDIT_QUESTION)
        cached = hit["ryorin"]["cache"] in ("l1", "l2")
        self._check("the answer before the edit is right and cached", "nine" in _text(before) and cached)
        self._put(client, AFTER)
        after, milliseconds = self._ask(client, EDIT_QUESTION, self._token)
        self._show(f"{EDIT_QUESTION} (after the edit, with its consistency token)", after, milliseconds)
        self._check("the stale answer is gone", "nine" not in _text(after))
        self._check("the new answer is right", "half past ten" in _text(after))

    def _put(self, client: httpx.Client, text: str) -> None:
        response = _checked(client.put(_document(EDITED), content=text.encode()))
        self._token = _ended(client, response.json()["id"])["position"]

    def _ask(self, client: httpx.Client, question: str, token: str | None = None) -> tuple[dict[str, Any], float]:
        body = {
            "model": "extractive",
            "messages": [{"role": "user", "content": question}],
            "ryorin": {"collection": COLLECTION, "consistency_token": token},
        }
        started = time.perf_counter()
        response = _checked(client.post("/v1/chat/completions", json=body))
        return response.json(), (time.perf_counter() - started) * 1000

    def _show(self, question: str, body: dict[str, Any], milliseconds: float) -> None:
        out, details = self.session.out, body["ryorin"]
        out.print(f"\n{question}", style="bold", markup=False)
        out.print(_text(body), markup=False)
        for citation in details["citations"]:
            source = f"[{citation['number']}] {citation['document']} v{citation['version']}"
            out.print(f"  {source}  {' > '.join(citation['heading_path'])}", markup=False, style="dim")
        stages = ", ".join(f"{name} {value:.1f}" for name, value in details["stages_ms"].items())
        out.print(f"  {details['cache']} in {milliseconds:.1f} ms ({stages})", markup=False, style="dim")

    def _check(self, promise: str, held: bool) -> None:
        self.checks.append((promise, held))

    def _say(self, text: str) -> None:
        self.session.out.print(text, markup=False)

    def _table(self) -> bool:
        table = Table("promise", "held")
        for promise, held in self.checks:
            table.add_row(promise, "[green]yes[/green]" if held else "[red]NO[/red]")
        self.session.out.print(table)
        return all(held for _, held in self.checks)


@contextmanager
def running_server(session: Session) -> Iterator[httpx.Client]:
    """A server of its own in a subprocess on a free port; a client of it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = dict(os.environ)
    if "RYORIN_DATA_DIR" not in environment:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
        environment["RYORIN_DATA_DIR"] = str(base / "ryorin-demo")
    environment["RYORIN_LOG_LEVEL"] = "warning"
    arguments = [sys.executable, "-m", "ryorin.bootstrap.cli", "serve", "--port", str(port)]
    server = subprocess.Popen(arguments, env=environment)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60.0) as client:
            _wait_until_ready(client, server)
            yield client
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_until_ready(client: httpx.Client, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise Unavailable(f"the server ended with exit code {server.returncode}; its last lines say why")
        try:
            if client.get("/healthz").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise Unavailable(f"the server did not come up within {START_SECONDS:g} s")


def _document(name: str) -> str:
    return f"/api/v1/collections/{COLLECTION}/documents/{name}"


def _ended(client: httpx.Client, command: str) -> dict[str, Any]:
    while True:
        view: dict[str, Any] = _checked(client.get(f"/api/v1/commands/{command}", params={"wait": 30})).json()
        if view["ended"]:
            return view


def _checked(response: httpx.Response) -> httpx.Response:
    if response.is_error:
        raise RyorinError(f"{response.request.url.path} answered {response.status_code}: {response.text[:300]}")
    return response


def _text(body: dict[str, Any]) -> str:
    return str(body["choices"][0]["message"]["content"])
