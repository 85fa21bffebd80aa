"""`ryorin objectives` and `ryorin webhooks`: what is wanted of prompts' answers, and who is told."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from ryorin.contexts.traffic.commands import PutObjective, RemoveObjective
from ryorin.contexts.traffic.queries import (
    TRAFFIC_MODEL,
    GetObjective,
    GetPromptUsage,
    ListObjectives,
    ObjectiveReport,
)
from ryorin.contexts.traffic.specs import LOW, Indicator, ObjectiveSpec
from ryorin.contexts.webhooks.commands import PutWebhook, RemoveWebhook
from ryorin.contexts.webhooks.queries import WEBHOOKS_MODEL, ListWebhooks
from ryorin.contexts.webhooks.specs import WebhookSpec
from ryorin.entrypoints.cli.session import READING, WORKING, Session, print_json, settled
from ryorin.entrypoints.services import Services
from ryorin.kernel.messages import Command

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Objective = Annotated[str, typer.Argument(help="The objective's name.")]
Webhook = Annotated[str, typer.Argument(help="The webhook's name.")]


def add(cli: typer.Typer, session: Session) -> None:
    """Add the groups to the program."""
    objectives = typer.Typer(help="Objectives of prompts in production, with error budgets.")
    _changing(objectives, session)
    _looking(objectives, session)
    cli.add_typer(objectives, name="objectives")
    cli.add_typer(_webhooks(session), name="webhooks")


def _carry_out(session: Session, command: Command, model: str, done: str) -> None:
    async def work(services: Services) -> None:
        receipt = await services.commands.send(command, session.administrator)
        await settled(services, receipt.record.position, model)
        session.out.print(done, markup=False)

    session.run(WORKING, work)


def _changing(group: typer.Typer, session: Session) -> None:
    @group.command()
    def put(
        objective: Objective,
        prompt: Annotated[str, typer.Option(help="Of whose answers something is wanted.")],
        indicator: Annotated[Indicator, typer.Option(help="What is measured.")],
        label: Annotated[str, typer.Option(help="As it was asked for.")] = "production",
        target: Annotated[float | None, typer.Option(help="The share that is to be good, such as 0.99.")] = None,
        threshold: Annotated[float | None, typer.Option(help="Milliseconds, USD, or a score.")] = None,
        metric: Annotated[str | None, typer.Option(help="Of quality, such as hallucination.")] = None,
        option: Annotated[str, typer.Option(help="Of the metric: style, pattern, schema or rubric.")] = "",
        judge: Annotated[str | None, typer.Option(help="The model that judges.")] = None,
        days: Annotated[int, typer.Option(help="The window.")] = 30,
        sample: Annotated[float, typer.Option(help="The share of answers that is stored and scored.")] = 0.1,
    ) -> None:
        """Want something of a prompt's answers."""
        spec = ObjectiveSpec(prompt, label, indicator, target, threshold, days, metric, option, judge, sample)
        _carry_out(session, PutObjective(objective=objective, spec=spec), TRAFFIC_MODEL, f"{objective} is wanted")

    @group.command()
    def remove(objective: Objective) -> None:
        """Want it no more."""
        _carry_out(session, RemoveObjective(objective=objective), TRAFFIC_MODEL, f"{objective} is wanted no more")


def _looking(group: typer.Typer, session: Session) -> None:
    @group.command("list")
    def list_objectives(prompt: Annotated[str | None, typer.Option()] = None, json: AsJson = False) -> None:
        """Objectives by name, with the level that was recorded last."""

        async def work(services: Services) -> None:
            found = await services.queries.ask(ListObjectives(prompt=prompt), session.administrator)
            if json:
                print_json({"objectives": found})
                return
            table = Table("objective", "prompt", "wants", "level")
            for one in found:
                of = f"{one.spec.prompt}@{one.spec.label}"
                table.add_row(one.name, of, _wanted(one.spec), f"{one.level} since {one.changed_at:%m-%d %H:%M}")
            session.out.print(table)

        session.run(READING, work)

    @group.command()
    def show(objective: Objective, json: AsJson = False) -> None:
        """How an objective stands now."""

        async def work(services: Services) -> None:
            found = await services.queries.ask(GetObjective(objective=objective), session.administrator)
            if json:
                print_json(found)
            else:
                _show(session, found)

        session.run(READING, work)

    @group.command()
    def usage(
        prompt: Annotated[str | None, typer.Option(help="Of one prompt only.")] = None,
        days: Annotated[int, typer.Option(help="Today among them.")] = 30,
        json: AsJson = False,
    ) -> None:
        """Answers, cost and latency of prompts by day, version and label."""

        async def work(services: Services) -> None:
            found = await services.queries.ask(GetPromptUsage(prompt=prompt, days=days), session.administrator)
            if json:
                print_json({"uses": found})
                return
            table = Table("day", "prompt", "answers", "failed", "cached", "USD", "p50/p95 ms")
            for one in found:
                counts = (str(count) for count in (one.totals.answers, one.totals.failed, one.totals.cached))
                times = "/".join("-" if ms is None else f"{ms:g}" for ms in (one.latency_p50_ms, one.latency_p95_ms))
                of = f"{one.prompt}@{one.version} {one.label}"
                table.add_row(f"{one.day:%m-%d}", of, *counts, f"{one.totals.usd:.4f}", times)
            session.out.print(table)

        session.run(READING, work)


def _show(session: Session, report: ObjectiveReport) -> None:
    status = report.status
    session.out.print(f"{report.objective.name}: {_wanted(report.objective.spec)}", markup=False)
    session.out.print(f"{status.level}: {status.told}", markup=False)
    if status.budget_left is not None:
        session.out.print(f"{status.budget_left:.1%} of the error budget is left", markup=False)
    if status.abstained or status.failed:
        session.out.print(f"not counted: {status.abstained} abstained, {status.failed} failed to be scored")
    for burn in status.burns:
        told = "fires" if burn.fires else "quiet"
        windows = f"{burn.long_minutes} and {burn.short_minutes} minutes"
        session.out.print(
            f"{burn.level} above {burn.limit:g} x over {windows}: {burn.long:.2f} x, {told}", markup=False
        )


def _wanted(spec: ObjectiveSpec) -> str:
    if spec.indicator == "drift":
        return f"no drift of {spec.window_days} days against those before"
    bound = 0.0 if spec.threshold is None else spec.threshold
    side = "at most" if spec.metric in LOW else "at least"
    good = {
        "latency": f"within {bound:g} ms",
        "cost": f"at most {bound:g} USD",
        "errors": "answered at all",
        "staleness": "not stale",
        "quality": f"{spec.metric} {side} {bound:g}",
    }[spec.indicator]
    return f"{spec.target:.2%} {good}, over {spec.window_days} days"


def _webhooks(session: Session) -> typer.Typer:
    group = typer.Typer(help="Webhooks: addresses that are told what happened, signed.")

    @group.command()
    def put(
        webhook: Webhook,
        url: Annotated[str, typer.Argument(help="Where messages are sent.")],
        event: Annotated[list[str], typer.Option("--event", "-e", help="A type of events, or CONTEXT.*; repeat.")],
        secret: Annotated[str, typer.Option(help="env:RYORIN_SECRET_NAME or file:NAME.")],
    ) -> None:
        """Tell somebody of events."""
        command = PutWebhook(webhook=webhook, spec=WebhookSpec(url, tuple(event), secret))
        _carry_out(session, command, WEBHOOKS_MODEL, f"{webhook} is told of {', '.join(event)}")

    @group.command("list")
    def list_webhooks(json: AsJson = False) -> None:
        """Who is told of what."""

        async def work(services: Services) -> None:
            found = await services.queries.ask(ListWebhooks(), session.administrator)
            if json:
                print_json({"webhooks": found})
                return
            table = Table("webhook", "address", "events", "secret")
            for one in found:
                table.add_row(one.name, one.spec.url, ", ".join(one.spec.events), one.spec.secret)
            session.out.print(table)

        session.run(READING, work)

    @group.command()
    def remove(webhook: Webhook) -> None:
        """Tell somebody no more."""
        _carry_out(session, RemoveWebhook(webhook=webhook), WEBHOOKS_MODEL, f"{webhook} is told no more")

    return group
