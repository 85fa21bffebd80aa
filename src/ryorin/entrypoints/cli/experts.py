"""`ryorin experts`: register, train the gate, look at its versions, go back."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ryorin.contexts.operations.queries import GetCommand
from ryorin.contexts.routing.commands import ActivateGate, PutExpert, RemoveExpert, TrainGate
from ryorin.contexts.routing.experts import Example, ExpertSpec
from ryorin.contexts.routing.queries import ROUTING_MODEL, ListExperts, ListGates, RouteQuestion
from ryorin.entrypoints.cli.session import READING, WORKING, Session, print_json, settled
from ryorin.entrypoints.services import Services
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Command

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Name = Annotated[str, typer.Argument(help="The expert's name.")]
WAIT_SECONDS = 30.0


def build(session: Session) -> typer.Typer:
    """The group of commands about experts."""
    group = typer.Typer(help="Experts, and the gate that chooses among them.")
    _changes(group, session)
    _training(group, session)
    _looking(group, session)
    return group


async def _settled(services: Services, session: Session, command: Command) -> None:
    receipt = await services.commands.send(command, session.administrator)
    await settled(services, receipt.record.position, ROUTING_MODEL)


def _changes(group: typer.Typer, session: Session) -> None:
    @group.command()
    def put(
        expert: Name,
        model: Annotated[str, typer.Option(help="The alias of a model.")],
        description: Annotated[str, typer.Option(help="What it is for.")],
        system: Annotated[str, typer.Option(help="Its system prompt.")] = "",
        collection: Annotated[list[str] | None, typer.Option("--collection", "-c", help="Repeat for several.")] = None,
        general: Annotated[bool, typer.Option("--general", help="Takes what no expert is for.")] = False,
        prompt: Annotated[str, typer.Option(help="A stored prompt: NAME, NAME@LABEL or NAME@NUMBER.")] = "",
        adapter: Annotated[str, typer.Option(help="An adapter (LoRA) of the model, by its server's name.")] = "",
    ) -> None:
        """Register an expert, or change it."""
        spec = ExpertSpec(model, description, system, tuple(collection or ()), general, prompt, adapter)

        async def work(services: Services) -> None:
            await _settled(services, session, PutExpert(expert=expert, spec=spec))
            session.out.print(f"{expert} is registered", markup=False)

        session.run(WORKING, work)

    @group.command()
    def remove(expert: Name) -> None:
        """Forget an expert."""

        async def work(services: Services) -> None:
            await _settled(services, session, RemoveExpert(expert=expert))
            session.out.print(f"{expert} is forgotten", markup=False)

        session.run(WORKING, work)

    @group.command()
    def activate(
        version: Annotated[int, typer.Argument(help="The gate's version.")],
        force: Annotated[bool, typer.Option("--force", help="Although it decides worse.")] = False,
    ) -> None:
        """Have a version of the gate decide; an earlier one is the way back."""

        async def work(services: Services) -> None:
            await _settled(services, session, ActivateGate(version=version, force=force))
            session.out.print(f"version {version} decides")

        session.run(WORKING, work)


def _training(group: typer.Typer, session: Session) -> None:
    @group.command()
    def train(
        file: Annotated[
            Path | None, typer.Argument(help='Lines of {"text": ..., "expert": NAME or null}; none: as before.')
        ] = None,
        json: AsJson = False,
    ) -> None:
        """Train a version of the gate on examples and on what people said of its decisions."""
        examples = _read(file, session) if file else None

        async def work(services: Services) -> int:
            kept = await services.keep_examples(session.administrator, examples) if examples is not None else None
            receipt = await services.commands.send(TrainGate(examples_hash=kept), session.administrator)
            question = GetCommand(id=receipt.record.envelope.id, wait_seconds=WAIT_SECONDS)
            view = await services.queries.ask(question, session.administrator)
            while not view.ended:
                view = await services.queries.ask(question, session.administrator)
            if json:
                print_json(view)
            elif view.result is None:
                session.err.print(f"ryorin: {(view.error or {}).get('detail', view.state)}", markup=False)
            else:
                told: Any = view.result["quality"]
                session.out.print(
                    f"version {view.result['version']}: {told['accuracy']:.1%} of {told['held_out']} held-out examples"
                    f" (nearest centroid {told['centroid_accuracy']:.1%}); "
                    + ("it decides now" if view.result["active"] else "it is worse than the active one, and waits")
                )
            return 0 if view.result is not None else 1

        session.run(WORKING, work)


def _read(file: Path, session: Session) -> list[Example]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        session.fail(InvalidInput(f"{file} cannot be read ({type(error).__name__})"))
    return [_example(file, number, line, session) for number, line in enumerate(lines, start=1) if line.strip()]


def _example(file: Path, number: int, line: str, session: Session) -> Example:
    try:
        told = jsonlib.loads(line)
        return Example(str(told["text"]), None if told["expert"] is None else str(told["expert"]))
    except (ValueError, KeyError, TypeError):
        session.fail(InvalidInput(f'{file}: line {number} is not {{"text": ..., "expert": NAME or null}}'))


def _looking(group: typer.Typer, session: Session) -> None:
    @group.command("list")
    def list_experts(json: AsJson = False) -> None:
        """Experts, and versions of the gate."""

        async def work(services: Services) -> None:
            experts = await services.queries.ask(ListExperts(), session.administrator)
            gates = await services.queries.ask(ListGates(), session.administrator)
            if json:
                print_json({"experts": experts, "gate": gates})
                return
            table = Table("expert", "model", "collections", "for")
            for one in experts:
                table.add_row(one.name, one.spec.model, ", ".join(one.spec.collections), one.spec.description)
            session.out.print(table)
            for version in gates.versions:
                mark = " (decides)" if version.version == gates.active else ""
                told = version.quality
                session.out.print(
                    f"gate {version.version}: {told.accuracy:.1%} of {told.held_out}, {told.examples} examples{mark}"
                )

        session.run(READING, work)

    @group.command()
    def route(
        text: Annotated[str, typer.Argument(help="A question.")],
        top_k: Annotated[int, typer.Option(help="How many experts.")] = 3,
        json: AsJson = False,
    ) -> None:
        """Which experts is a question for?"""

        async def work(services: Services) -> None:
            question = RouteQuestion(text=text, top_k=top_k, remember=False)
            decision = await services.queries.ask(question, session.administrator)
            if json:
                print_json(decision)
                return
            for name, weight in decision.weights.items():
                session.out.print(f"{weight:.3f} {name}", markup=False)
            session.out.print("for none of them" if decision.out_of_scope else f"in scope: {decision.in_scope:.2f}")

        session.run(READING, work)
