"""`ryorin collections`: list them, and move their vectors."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from ryorin.contexts.knowledge.commands import MoveIndex
from ryorin.contexts.knowledge.pipeline import IndexSpec, Storage, StoreName
from ryorin.contexts.knowledge.queries import ListCollections
from ryorin.contexts.operations.queries import GetCommand
from ryorin.entrypoints.cli.session import READING, WORKING, Session, print_json
from ryorin.entrypoints.services import Services
from ryorin.kernel.codec import to_json
from ryorin.kernel.errors import Unavailable

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
LOOK_SECONDS = 5.0


def build(session: Session) -> typer.Typer:
    """The group of commands about collections."""
    group = typer.Typer(help="List collections, and move their vectors to another store or embedding.")

    @group.command("list")
    def list_collections(json: AsJson = False) -> None:
        """All collections with their sizes, and where their vectors are."""

        async def work(services: Services) -> None:
            found = await services.queries.ask(ListCollections(), session.administrator)
            if json:
                print_json(to_json(found))
                return
            table = Table("collection", "documents", "chunks", "store", "embedding", "storage")
            for one in found:
                spec = one.index
                sizes = (str(one.documents), str(one.chunks))
                table.add_row(one.collection, *sizes, spec.store, spec.embedding, spec.storage)
            session.out.print(table)

        session.run(READING, work)

    @group.command()
    def move(
        collection: Annotated[str, typer.Argument(help="The collection's name.")],
        store: Annotated[StoreName, typer.Option(help="Where the vectors are kept.")] = "pgvector",
        embedding: Annotated[str, typer.Option(help="The name of the embedding that makes them.")] = "default",
        storage: Annotated[Storage, typer.Option(help="Halves, or signs with halves to rescore.")] = "halfvec",
        json: AsJson = False,
    ) -> None:
        """Keep a collection's vectors elsewhere; searches go on until the new index is whole."""
        command = MoveIndex(collection=collection, spec=IndexSpec(store, embedding, storage))

        async def work(services: Services) -> None:
            receipt = await services.commands.send(command, session.administrator)
            asked = GetCommand(id=receipt.record.envelope.id, wait_seconds=LOOK_SECONDS)
            view = await services.queries.ask(asked, session.administrator)
            while not view.ended:
                if view.progress:
                    session.err.print(f"{view.progress['phase']} {view.progress['done']}/{view.progress['total']}")
                view = await services.queries.ask(asked, session.administrator)
            if view.state != "succeeded":
                raise Unavailable(f"the index was not moved: {(view.error or {}).get('detail', view.state)}")
            if json:
                print_json(view.result)
                return
            outcome = (view.result or {})["outcome"]
            session.out.print(f"{collection}: {outcome}, {store} / {embedding} / {storage}", markup=False)

        session.run(WORKING, work)

    return group
