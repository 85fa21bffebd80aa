"""Brings a collection in line with a folder, once or for as long as it is watched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from watchfiles import awatch

from ryorin.contexts.knowledge.commands import CreateCollection, DeleteDocument, PutDocument
from ryorin.contexts.knowledge.queries import MAX_PAGE, ListDocuments
from ryorin.contexts.knowledge.views import Page
from ryorin.contexts.operations.queries import CommandView, GetCommand
from ryorin.entrypoints.cli.folder_sync import (
    ROOT_METADATA,
    Indexed,
    LocalFile,
    SyncPlan,
    find_files,
    plan_sync,
    read_file,
)
from ryorin.entrypoints.services import Services
from ryorin.kernel.consistency import Consistency
from ryorin.kernel.errors import RyorinError
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import Actor

# commands on their way at a time: enough for full embedding batches, few enough to stop quickly
IN_FLIGHT = 48
WAIT_SECONDS = 30.0
PIECE_BYTES = 1024 * 1024
DEBOUNCE_MS = 500
# how often a watch that sees no change looks whether it should stop
LOOK_MS = 1000


@dataclass(slots=True)
class Report:
    """What one round did; `position` is the consistency token of all of it."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    chunks: int = 0
    embedded: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    position: str | None = None

    def note(self, position: str | None) -> None:
        """Keep the furthest position."""
        if position and (self.position is None or LogPosition.parse(position) > LogPosition.parse(self.position)):
            self.position = position


@dataclass(frozen=True, slots=True)
class Target:
    """Which folder goes where."""

    root: Path
    collection: str
    tags: tuple[str, ...]
    readers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What marks documents of this folder."""
        return str(self.root.resolve())


class FolderIngest:
    """One folder, one collection."""

    def __init__(self, services: Services, actor: Actor, target: Target, console: Console) -> None:
        self._services = services
        self._actor = actor
        self._target = target
        self._console = console
        self._seen: LogPosition | None = None

    async def once(self) -> Report:
        """Bring the collection in line; a broken file fails alone and is named in the report."""
        await self._services.commands.send(CreateCollection(collection=self._target.collection), self._actor)
        plan = plan_sync(await self._files(), await self._indexed(), self._target.name)
        report = Report(unchanged=plan.unchanged)
        await self._carry_out(plan, report)
        if report.position:
            self._seen = LogPosition.parse(report.position)
        return report

    async def watch(self) -> AsyncGenerator[Report, None]:
        """A report now and after each change of the folder, until cancelled."""
        yield await self.once()
        ready, changed, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()
        # in a task of its own: on its way through the watcher's task group a cancellation can be lost
        noticing = asyncio.create_task(self._notice(ready, changed, stop))
        try:
            await ready.wait()
            # what was changed before anybody watched would not be noticed ever
            missed = await self.once()
            if missed.added or missed.changed or missed.removed:
                yield missed
            while True:
                await changed.wait()
                changed.clear()
                if noticing.done():
                    # a folder that cannot be watched any more
                    noticing.result()
                    return
                yield await self.once()
        finally:
            stop.set()
            await asyncio.gather(noticing, return_exceptions=True)

    async def _notice(self, ready: asyncio.Event, changed: asyncio.Event, stop: asyncio.Event) -> None:
        """Tell that it watches, and of changes until told to stop, which is noticed within LOOK_MS."""
        try:
            async for changes in awatch(
                self._target.root,
                debounce=DEBOUNCE_MS,
                recursive=True,
                rust_timeout=LOOK_MS,
                yield_on_timeout=True,
                stop_event=stop,
            ):
                ready.set()
                if changes:
                    changed.set()
        finally:
            ready.set()
            changed.set()

    async def _files(self) -> list[LocalFile]:
        loop, root = asyncio.get_running_loop(), self._target.root
        paths = await asyncio.to_thread(find_files, root)
        with ThreadPoolExecutor(max_workers=4) as threads:
            reads = [loop.run_in_executor(threads, read_file, root, path) for path in paths]
            return list(await asyncio.gather(*reads))

    async def _indexed(self) -> dict[str, Indexed]:
        indexed: dict[str, Indexed] = {}
        after: str | None = None
        while True:
            question = ListDocuments(collection=self._target.collection, after=after, limit=MAX_PAGE)
            page: Page = await self._services.queries.ask(question, self._actor, await self._demand())
            for view in page.documents:
                indexed[view.document] = Indexed(view.content_hash, view.metadata.get(ROOT_METADATA))
            after = page.next_after
            if after is None:
                return indexed

    async def _demand(self) -> Consistency:
        """What the last round wrote, or at least the collection that was just made sure of."""
        if self._seen is None:
            receipt = await self._services.commands.send(
                CreateCollection(collection=self._target.collection), self._actor
            )
            self._seen = receipt.record.position
        return Consistency(self._seen, WAIT_SECONDS)

    async def _carry_out(self, plan: SyncPlan, report: Report) -> None:
        work = [*plan.added, *plan.changed]
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            bar = progress.add_task("ingesting", total=len(work) + len(plan.removed))
            places = asyncio.Semaphore(IN_FLIGHT)

            async def put(file: LocalFile) -> None:
                async with places:
                    await self._put(file, report)
                progress.advance(bar)

            async with asyncio.TaskGroup() as group:
                for file in work:
                    group.create_task(put(file))
            for document in plan.removed:
                await self._delete(document, report)
                progress.advance(bar)

    async def _put(self, file: LocalFile, report: Report) -> None:
        try:
            content = await self._services.upload(self._actor, _pieces(file.path))
            command = PutDocument(
                collection=self._target.collection,
                document=file.document,
                content_hash=content.content_hash,
                size_bytes=content.size_bytes,
                filename=file.document,
                metadata={ROOT_METADATA: self._target.name},
                tags=self._target.tags or None,
                readers=self._target.readers or None,
            )
            receipt = await self._services.commands.send(command, self._actor)
            view = await self._ended(receipt.record.envelope.id)
        except RyorinError as error:
            report.failed[file.document] = error.detail
            return
        _count(file, view, report)

    async def _ended(self, command_id: Any) -> CommandView:
        while True:
            question = GetCommand(id=command_id, wait_seconds=WAIT_SECONDS)
            view = await self._services.queries.ask(question, self._actor)
            if view.ended:
                return view

    async def _delete(self, document: str, report: Report) -> None:
        command = DeleteDocument(collection=self._target.collection, document=document)
        try:
            receipt = await self._services.commands.send(command, self._actor)
        except RyorinError as error:
            report.failed[document] = error.detail
            return
        report.removed += 1
        report.note(str(receipt.record.position))


def _count(file: LocalFile, view: CommandView, report: Report) -> None:
    report.note(view.position)
    if view.state != "succeeded" or view.result is None:
        report.failed[file.document] = str((view.error or {}).get("detail", view.state))
        return
    outcome = view.result["outcome"]
    if outcome == "added":
        report.added += 1
    elif outcome == "changed":
        report.changed += 1
    else:
        report.unchanged += 1
    report.chunks += int(str(view.result["chunks"]))
    report.embedded += int(str(view.result["embedded"]))


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece
    except OSError as error:
        raise RyorinError(f"{path}: cannot be read ({error.strerror})") from error
