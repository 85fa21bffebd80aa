"""`ryorin cache`: report, flush."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from ryorin.contexts.answers.accounting import CountSelected, GetCacheReport
from ryorin.contexts.answers.commands import FlushAnswers, WarmAnswers
from ryorin.contexts.answers.selection import Selection
from ryorin.contexts.operations.queries import GetCommand
from ryorin.entrypoints.cli.session import READING, WORKING, Session, print_json
from ryorin.entrypoints.services import Services

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def build(session: Session) -> typer.Typer:
    """The group of commands about the answer cache."""
    group = typer.Typer(help="See what cached answers save, and take some out.")

    @group.command()
    def report(
        days: Annotated[int, typer.Option(help="How many days to look back, today among them.")] = 30,
        json: AsJson = False,
    ) -> None:
        """What the cache holds, and how often each layer answered."""

        async def work(services: Services) -> None:
            found = await services.queries.ask(GetCacheReport(days=days), session.administrator)
            if json:
                print_json(found)
                return
            kept = Table("collection", "valid", "invalidated", "bytes")
            for one in found.answers:
                kept.add_row(one.collection or "-", str(one.valid), str(one.invalidated), str(one.bytes))
            uses = Table("collection", "model", "layer", "requests", "tokens", "USD")
            for use in found.uses:
                tokens = use.usage.prompt_tokens + use.usage.completion_tokens
                row = (use.collection or "-", use.model, use.layer, str(use.requests), str(tokens), f"{use.usd:.4f}")
                uses.add_row(*row)
            session.out.print(kept)
            session.out.print(uses)
            session.out.print(
                f"in {found.days} days saved {found.saved_tokens} tokens, {found.saved_usd:.4f} USD;"
                f" spent {found.spent_tokens} tokens, {found.spent_usd:.4f} USD"
            )

        session.run(READING, work)

    @group.command()
    def warm(
        collection: Annotated[str, typer.Option("--collection", "-c", help="Whose questions.")],
        limit: Annotated[int, typer.Option(help="At most so many, the most asked ones first.")] = 50,
        json: AsJson = False,
    ) -> None:
        """Answer popular questions again whose answers became invalid, for example after many documents came."""

        async def work(services: Services) -> int:
            return await warmed(services, session, WarmAnswers(collection=collection, limit=limit), json)

        session.run(WORKING, work)

    @group.command()
    def flush(
        collection: Annotated[str | None, typer.Option(help="Answers from this collection.")] = None,
        document: Annotated[str | None, typer.Option(help="Answers with this document in their context.")] = None,
        tag: Annotated[str | None, typer.Option(help="Answers with a document of this tag in their context.")] = None,
        model: Annotated[str | None, typer.Option(help="Answers of this model.")] = None,
        prompt: Annotated[str | None, typer.Option(help="Answers to this prompt, whichever version.")] = None,
        everything: Annotated[bool, typer.Option("--everything", help="All answers.")] = False,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
        json: AsJson = False,
    ) -> None:
        """Take answers out of all layers; what is named must all hold."""
        selection = Selection(collection, document, tag, model, prompt, everything)

        async def work(services: Services) -> None:
            if dry_run:
                count = await services.queries.ask(CountSelected(selection=selection), session.administrator)
            else:
                receipt = await services.commands.send(FlushAnswers(selection=selection), session.administrator)
                count = int(str((receipt.record.result or {})["answers"]))
            if json:
                print_json({"answers": count, "dry_run": dry_run})
            else:
                session.out.print(f"{count} answers {'would be' if dry_run else 'are'} taken out ({selection})")

        session.run(WORKING, work)

    return group


async def warmed(services: Services, session: Session, command: WarmAnswers, as_json: bool = False) -> int:
    """Carry out the command and tell what it did; the exit status."""
    receipt = await services.commands.send(command, session.administrator)
    while True:
        question = GetCommand(id=receipt.record.envelope.id, wait_seconds=30)
        view = await services.queries.ask(question, session.administrator)
        if view.ended:
            break
    if view.result is None:
        session.err.print(f"the questions were not asked again: {view.error}", markup=False, soft_wrap=True)
        return 1
    if as_json:
        print_json(view.result)
    else:
        told = "asked {questions} questions again: {made} made, {revalidated} valid after all, {failed} failed"
        session.out.print(told.format(**view.result))
    return 0
