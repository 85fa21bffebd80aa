"""`ryorin datasets` and `ryorin evaluations`: put cases, measure answers, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

import typer
from rich.table import Table

from ryorin.contexts.evaluation.commands import PutDataset, RemoveDataset, RunEvaluation
from ryorin.contexts.evaluation.queries import (
    EVALUATION_MODEL,
    CompareEvaluations,
    EvaluationView,
    ForecastEvaluation,
    GetDataset,
    GetEvaluation,
    ListDatasets,
    ListEvaluations,
)
from ryorin.contexts.evaluation.specs import SPLITS, Metric, MetricKind, StopRule, Target
from ryorin.contexts.evaluation.specs import Split as SplitName
from ryorin.contexts.operations.queries import CommandView, GetCommand
from ryorin.contexts.prompts.versions import PromptReference
from ryorin.contexts.traffic.queries import ListSamples
from ryorin.entrypoints.cli import dataset_files
from ryorin.entrypoints.cli.session import READING, WORKING, Session, print_json, settled
from ryorin.entrypoints.services import Services
from ryorin.kernel.codec import from_json
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.events import LogPosition
from ryorin.processes.collect_items import items_of
from ryorin.processes.wanted_evaluation import WantedEvaluation

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Dataset = Annotated[str, typer.Argument(help="The dataset's name.")]
Evaluation = Annotated[str, typer.Argument(help="The evaluation's name.")]
Split = Annotated[str | None, typer.Option(help="train, validation or test; without: all items.")]
WAIT_SECONDS = 30.0


def build_datasets(session: Session) -> typer.Typer:
    """The group of commands about datasets."""
    group = typer.Typer(help="Datasets: cases with what a good answer is, in versions with fixed splits.")

    @group.command()
    def put(
        dataset: Dataset,
        file: Annotated[Path, typer.Argument(help="JSON Lines, or CSV with a header.")],
        note: Annotated[str, typer.Option(help="Why it was made.")] = "",
    ) -> None:
        """Make a version from a file; the same items again make none."""

        async def work(services: Services) -> None:
            kept = await services.keep_items(session.administrator, dataset_files.read(file))
            command = PutDataset(dataset=dataset, content_hash=kept, note=note)
            receipt = await services.commands.send(command, session.administrator)
            await settled(services, receipt.record.position, EVALUATION_MODEL)
            view = await services.queries.ask(GetDataset(dataset=dataset), session.administrator)
            splits = ", ".join(f"{count} {name}" for name, count in view.splits.items())
            session.out.print(f"{dataset} has version {view.version}: {splits}", markup=False)

        session.run(WORKING, work)

    @group.command()
    def collect(
        dataset: Dataset,
        prompt: Annotated[str, typer.Option(help="Of whose answers.")],
        label: Annotated[str | None, typer.Option(help="As it was asked for.")] = None,
        rating: Annotated[Literal["good", "bad"] | None, typer.Option(help="As somebody found them.")] = None,
        limit: Annotated[int, typer.Option(min=1, max=1000, help="The newest so many.")] = 1000,
    ) -> None:
        """Make a version of answers that were stored in production."""

        async def work(services: Services) -> None:
            query = ListSamples(prompt=prompt, label=label, rating=rating, limit=limit)
            page = await services.queries.ask(query, session.administrator)
            kept = await services.keep_items(session.administrator, items_of(page.samples))
            command = PutDataset(dataset=dataset, content_hash=kept)
            receipt = await services.commands.send(command, session.administrator)
            session.out.print(f"{dataset} has {(receipt.record.result or {})['items']} items", markup=False)

        session.run(WORKING, work)

    @group.command("list")
    def list_datasets(json: AsJson = False) -> None:
        """Datasets by their newest versions."""

        async def work(services: Services) -> None:
            found = await services.queries.ask(ListDatasets(), session.administrator)
            if json:
                print_json({"datasets": found})
                return
            table = Table("dataset", "version", "items", "note")
            for one in found:
                splits = ", ".join(f"{count} {name}" for name, count in one.splits.items())
                table.add_row(one.name, str(one.version), splits, one.note)
            session.out.print(table)

        session.run(READING, work)

    @group.command()
    def remove(dataset: Dataset) -> None:
        """Take a dataset away; evaluations made of it keep their results."""

        async def work(services: Services) -> None:
            await services.commands.send(RemoveDataset(dataset=dataset), session.administrator)
            session.out.print(f"{dataset} is gone", markup=False)

        session.run(WORKING, work)

    return group


def build_evaluations(session: Session) -> typer.Typer:
    """The group of commands about evaluations."""
    group = typer.Typer(help="Evaluations: answers measured, and compared with honest statistics.")
    _running(group, session)
    _looking(group, session)
    return group


def _running(group: typer.Typer, session: Session) -> None:
    @group.command()
    def run(
        evaluation: Evaluation,
        dataset: Annotated[str, typer.Option("--dataset", "-d", help="What is asked.")],
        metric: Annotated[list[str], typer.Option("--metric", "-m", help="KIND or KIND=OPTION; repeat for more.")],
        prompt: Annotated[str | None, typer.Option(help="NAME, NAME@LABEL or NAME@NUMBER.")] = None,
        model: Annotated[str | None, typer.Option(help="The alias of a model.")] = None,
        collection: Annotated[str | None, typer.Option("--collection", "-c", help="Answer from its documents.")] = None,
        split: Split = None,
        concurrency: Annotated[int, typer.Option(help="Items asked at a time.")] = 4,
        stop_against: Annotated[
            str | None,
            typer.Option(help="End when it is shown to be better than this evaluation, or not, by the first metric."),
        ] = None,
        json: AsJson = False,
    ) -> None:
        """Ask every item and measure the answers; the same command again goes on where it stopped."""

        async def work(services: Services) -> None:
            reference = PromptReference.parse(prompt) if prompt is not None else None
            wanted = WantedEvaluation(
                name=evaluation,
                target=Target(
                    reference.name if reference else None,
                    reference.version if reference else None,
                    model,
                    collection,
                ),
                dataset=dataset,
                metrics=tuple(_metric(one) for one in metric),
                label=reference.label if reference else None,
                split=_split(split),
                concurrency=concurrency,
                stop=StopRule(stop_against, _metric(metric[0]).name) if stop_against else None,
            )
            ended = await _ended(services, session, await wanted.command(services.queries, session.administrator))
            if ended.state != "succeeded":
                raise InvalidInput(f"{evaluation}: {(ended.error or {}).get('detail', ended.state)}")
            await settled(services, LogPosition.parse(ended.position or ""), EVALUATION_MODEL)
            done = await services.queries.ask(GetEvaluation(evaluation=evaluation), session.administrator)
            _show(session, done, json)

        session.run(WORKING, work)


async def _ended(services: Services, session: Session, command: RunEvaluation) -> CommandView:
    receipt = await services.commands.send(command, session.administrator)
    view: CommandView | None = None
    while view is None or not view.ended:
        query = GetCommand(id=receipt.record.envelope.id, wait_seconds=WAIT_SECONDS)
        view = await services.queries.ask(query, session.administrator)
        told = view.progress or {}
        if not view.ended:
            session.err.print(f"{told.get('done', 0)} of {told.get('total', '?')}", markup=False)
    return view


def _looking(group: typer.Typer, session: Session) -> None:
    @group.command("list")
    def list_evaluations(dataset: Annotated[str | None, typer.Option()] = None, json: AsJson = False) -> None:
        """Evaluations that have ended, newest first."""

        async def work(services: Services) -> None:
            found = await services.queries.ask(ListEvaluations(dataset=dataset), session.administrator)
            if json:
                print_json({"evaluations": found})
                return
            table = Table("evaluation", "of", "on", "state", "ended")
            for one in found:
                on = f"{one.spec.dataset}@{one.spec.dataset_version}"
                table.add_row(one.name, str(one.spec.target), on, one.state, f"{one.ended_at:%Y-%m-%d %H:%M}")
            session.out.print(table)

        session.run(READING, work)

    @group.command()
    def show(evaluation: Evaluation, json: AsJson = False) -> None:
        """How an evaluation ended."""

        async def work(services: Services) -> None:
            view = await services.queries.ask(GetEvaluation(evaluation=evaluation), session.administrator)
            _show(session, view, json)

        session.run(READING, work)

    @group.command()
    def compare(
        before: Annotated[str, typer.Argument(help="The evaluation that was before.")],
        after: Annotated[str, typer.Argument(help="The one that may be better.")],
        json: AsJson = False,
    ) -> None:
        """Is one better than another of the same items?"""

        async def work(services: Services) -> None:
            query = CompareEvaluations(first=before, second=after)
            found = await services.queries.ask(query, session.administrator)
            if json:
                print_json(found)
                return
            table = Table("metric", "items", before, after, "difference (95 %)", "p (Holm)", "verdict")
            for one in found.metrics:
                difference = f"{one.difference:+.3f} ({one.low:+.3f} to {one.high:+.3f})"
                means = (f"{one.first:.3f}", f"{one.second:.3f}")
                table.add_row(one.metric, str(one.items), *means, difference, f"{one.adjusted_p:.3g}", one.verdict)
            session.out.print(table)

        session.run(READING, work)

    @group.command()
    def forecast(dataset: Dataset, split: Split = None, json: AsJson = False) -> None:
        """The smallest difference that an evaluation would show, and what it would cost."""

        async def work(services: Services) -> None:
            query = ForecastEvaluation(dataset=dataset, split=_split(split))
            found = await services.queries.ask(query, session.administrator)
            if json:
                print_json(found)
                return
            for name, effect in found.detectable.items():
                session.out.print(f"{name}: {found.items} items show a difference of {effect:.3f} in 4 of 5 runs")
            if found.based_on is not None:
                told = f"by {found.based_on}: {found.usd or 0:.4f} USD, {found.seconds or 0:.0f} s"
                session.out.print(told, markup=False)

        session.run(READING, work)


def _show(session: Session, view: EvaluationView, json: bool) -> None:
    if json:
        print_json(view)
        return
    if view.summary is None:
        session.out.print(f"{view.name} {view.state}: {view.reason}", markup=False)
        return
    table = Table("metric", "mean (95 %)", "scored", "abstained", "failed")
    for one in view.summary.metrics:
        mean = "-" if one.mean is None else f"{one.mean:.3f}"
        bounds = "" if one.low is None else f" ({one.low:.3f} to {one.high:.3f})"
        table.add_row(one.metric, mean + bounds, str(one.scored), str(one.abstained), str(one.failed))
    session.out.print(table)
    told = f"{view.summary.items} items, {view.summary.errors} errors, {view.summary.usd:.4f} USD"
    session.out.print(told, markup=False)
    if view.summary.stopped:
        session.out.print(f"of {view.summary.planned} items: {view.summary.stopped}", markup=False)


def _metric(text: str) -> Metric:
    kind, _, option = text.partition("=")
    kinds = get_args(MetricKind)
    if kind not in kinds:
        raise InvalidInput(f"metric {kind[:40]!r} must be one of {', '.join(kinds)}")
    found: Metric = from_json(Metric, {"kind": kind, "option": option})
    return found


def _split(text: str | None) -> SplitName | None:
    for split in SPLITS:
        if text == split:
            return split
    if text is None:
        return None
    raise InvalidInput(f"split {text[:40]!r} must be one of {', '.join(SPLITS)}")
