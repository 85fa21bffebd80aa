"""`ryorin records`: short documents from NDJSON, many in one command."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from ryorin.contexts.knowledge.commands import PutRecords, RecordsChanged
from ryorin.contexts.knowledge.records import MAX_RECORDS, MAX_RECORDS_BYTES, read_records
from ryorin.contexts.operations.queries import CommandView, GetCommand
from ryorin.entrypoints.cli.session import WORKING, Session, print_json
from ryorin.entrypoints.services import Services
from ryorin.kernel.codec import from_json
from ryorin.kernel.errors import InvalidInput

WAIT_SECONDS = 30.0
COUNTED = tuple(field.name for field in fields(RecordsChanged) if field.name != "collection")


def add(cli: typer.Typer, session: Session) -> None:
    """Add the command."""

    @cli.command()
    def records(
        file: Annotated[Path, typer.Argument(help="One JSON object a line, with id and text.")],
        collection: Annotated[str, typer.Option("--collection", "-c", help="The collection's name.")],
        json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    ) -> None:
        """Put the records of a file; nothing is put when a line of it is wrong."""

        async def work(services: Services) -> int:
            batches = _checked(file)
            total = dict.fromkeys(COUNTED, 0)
            for batch in batches:
                view = await _put(services, session, collection, batch)
                if view.state != "succeeded" or view.result is None:
                    raise InvalidInput(f"{file}: {(view.error or {}).get('detail', view.state)}")
                done: RecordsChanged = from_json(RecordsChanged, view.result)
                for name in COUNTED:
                    total[name] += getattr(done, name)
            if json:
                print_json(total)
            else:
                session.out.print(", ".join(f"{name} {count}" for name, count in total.items()))
            return 0

        session.run(WORKING, work)


def _checked(file: Path) -> list[bytes]:
    try:
        lines = file.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}") from error
    batches = list(_batches(lines))
    first = 1
    for batch in batches:
        try:
            read_records(batch)
        except InvalidInput as error:
            raise InvalidInput(f"{file}, counted from line {first}: {error.detail}") from error
        first += batch.count(b"\n")
    return batches


def _batches(lines: list[bytes]) -> Iterator[bytes]:
    batch, size = list[bytes](), 0
    for line in lines:
        if batch and (len(batch) == MAX_RECORDS or size + len(line) > MAX_RECORDS_BYTES):
            yield b"".join(batch)
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    yield b"".join(batch)


async def _put(services: Services, session: Session, collection: str, batch: bytes) -> CommandView:
    async def content() -> AsyncIterator[bytes]:
        yield batch

    stored = await services.upload(session.administrator, content())
    count = len(read_records(batch))
    command = PutRecords(collection=collection, content_hash=stored.content_hash, records=count)
    receipt = await services.commands.send(command, session.administrator)
    question = GetCommand(id=receipt.record.envelope.id, wait_seconds=WAIT_SECONDS)
    while not (view := await services.queries.ask(question, session.administrator)).ended:
        pass
    return view
