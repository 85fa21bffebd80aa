"""`ryorin search` and `ryorin ask`."""

from __future__ import annotations

from typing import Annotated

import typer

from ryorin.contexts.answers.queries import Answer, AnswerQuestion, ChatMessage, GroundingOptions
from ryorin.contexts.conversations.queries import CONVERSATIONS_MODEL
from ryorin.contexts.knowledge.queries import SearchChunks
from ryorin.entrypoints.cli.session import READING, WORKING, Session, print_json, settled
from ryorin.entrypoints.services import Services
from ryorin.kernel.events import LogPosition

Collection = Annotated[str, typer.Option("--collection", "-c", help="The collection's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
TopK = Annotated[int, typer.Option("--top-k", help="How many passages.")]
SNIPPET = 160


def add(cli: typer.Typer, session: Session) -> None:
    """Add both commands."""
    _add_search(cli, session)
    _add_ask(cli, session)


def _add_search(cli: typer.Typer, session: Session) -> None:
    @cli.command()
    def search(
        text: Annotated[str, typer.Argument(help="What to look for.")],
        collection: Collection,
        top_k: TopK = 5,
        json: AsJson = False,
    ) -> None:
        """Find the passages that answer a text best."""

        async def work(services: Services) -> None:
            question = SearchChunks(collection=collection, text=text, top_k=top_k)
            result = await services.queries.ask(question, session.administrator)
            if json:
                print_json({"hits": result.hits, "plan": result.plan, "stages_ms": result.stages})
                return
            for number, hit in enumerate(result.hits, start=1):
                heading = " > ".join(hit.heading_path) or hit.title
                session.out.print(f"{number}. {hit.document} v{hit.version}  {heading}", markup=False)
                session.out.print(f"   {' '.join(hit.text.split())[:SNIPPET]}", markup=False, style="dim")

        session.run(READING, work)


def _add_ask(cli: typer.Typer, session: Session) -> None:
    @cli.command()
    def ask(
        question: Annotated[str, typer.Argument(help="The question, in Japanese or English.")],
        collection: Collection,
        model: Annotated[str, typer.Option(help="extractive, smollm2 or a configured alias.")] = "extractive",
        top_k: TopK = 5,
        conversation: Annotated[
            str | None, typer.Option(help="One that is remembered, by its id; `new` begins one.")
        ] = None,
        json: AsJson = False,
    ) -> None:
        """Answer a question from a collection, with citations."""

        async def work(services: Services) -> None:
            query = AnswerQuestion(
                messages=(ChatMessage("user", question),),
                model=model,
                grounding=GroundingOptions(collection, top_k),
                conversation=conversation,
            )
            answer = await services.queries.ask(query, session.administrator)
            if answer.conversation is not None and answer.conversation.position is not None:
                saved = LogPosition.parse(answer.conversation.position)
                await settled(services, saved, CONVERSATIONS_MODEL)
            if json:
                print_json(answer)
            else:
                show_answer(session, answer)

        session.run(WORKING if conversation else READING, work)


def show_answer(session: Session, answer: Answer) -> None:
    """An answer with its sources and the time of each stage."""
    session.out.print(answer.text, markup=False)
    for citation in answer.citations:
        heading = " > ".join(citation.heading_path) or citation.title
        session.out.print(
            f"  [{citation.number}] {citation.document} v{citation.version}, {heading}",
            markup=False,
            style="dim",
        )
    if answer.conversation is not None:
        session.out.print(f"  conversation {answer.conversation.id}", markup=False, style="dim")
    stages = ", ".join(f"{name} {value:.1f} ms" for name, value in answer.stages.items())
    session.out.print(f"  ({answer.cache}; {stages})", markup=False, style="dim")
