"""`ryorin erase` and `ryorin scrub`: a document is gone, and then its last bytes."""

from __future__ import annotations

from typing import Annotated

import typer

from ryorin.contexts.answers.queries import AnswerQuestion
from ryorin.contexts.knowledge.commands import EraseDocument
from ryorin.contexts.knowledge.queries import DOCUMENTS_MODEL
from ryorin.entrypoints.cli.session import WORKING, Session, print_json, settled
from ryorin.entrypoints.services import Services
from ryorin.processes.erase_documents import ERASURE_MODEL

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def add(cli: typer.Typer, session: Session) -> None:
    """Add both."""

    @cli.command()
    def erase(
        document: Annotated[str, typer.Argument(help="The document's id; it may be deleted already.")],
        collection: Annotated[str, typer.Option("--collection", "-c", help="The collection's name.")],
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    ) -> None:
        """Make all that a document ever held be gone; it cannot be restored."""
        if not yes:
            typer.confirm(f"erase {document!r} of {collection!r} with all its versions?", abort=True)

        async def work(services: Services) -> None:
            command = EraseDocument(collection=collection, document=document)
            receipt = await services.commands.send(command, session.administrator)
            read_models = (*AnswerQuestion.read_models, DOCUMENTS_MODEL, ERASURE_MODEL)
            await settled(services, receipt.record.position, *read_models)
            session.out.print(f"erased {document}; `ryorin scrub` takes its last bytes out of the files", markup=False)

        session.run(WORKING, work)

    @cli.command()
    def scrub(json: AsJson = False) -> None:
        """Drop contents that nobody names any more, and write the database's files anew without what was deleted.

        Each table is locked while it is written: choose a quiet time.
        """

        async def work(services: Services) -> None:
            report = await services.scrub()
            if json:
                print_json(report)
                return
            session.out.print(f"dropped {report.dropped} contents, wrote {report.tables} tables anew")
            if report.waiting:
                session.out.print(
                    f"{report.waiting} more were used within {report.idle_seconds:g} s, or are named by failed "
                    "commands (see `ryorin commands list --state dead`): scrub again later",
                    soft_wrap=True,
                )

        session.run(frozenset(), work)
