"""`ryorin providers`, `ryorin models`, `ryorin budgets` and `ryorin spend`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from ryorin.contexts.answers.queries import ListModels
from ryorin.contexts.gateway.catalogue import (
    ORGANISATION,
    Limits,
    ModelSpec,
    Period,
    PriceTable,
    ProviderKind,
    ProviderSpec,
)
from ryorin.contexts.gateway.commands import (
    PutModel,
    PutProvider,
    RemoveBudget,
    RemoveModel,
    RemoveProvider,
    SetBudget,
)
from ryorin.contexts.gateway.queries import CATALOGUE_MODEL, GetSpend, ListProviders
from ryorin.entrypoints.cli.session import READING, WORKING, Session, print_json, settled
from ryorin.entrypoints.services import Services
from ryorin.kernel.messages import Command

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Provider = Annotated[str, typer.Argument(help="The provider's name.")]
Alias = Annotated[str, typer.Argument(help="The name that requests ask for.")]
Subject = Annotated[str, typer.Argument(help="organisation, or key:PREFIX.")]


def add(cli: typer.Typer, session: Session) -> None:
    """Add the groups to the program."""
    cli.add_typer(_providers(session), name="providers")
    cli.add_typer(_models(session), name="models")
    cli.add_typer(_budgets(session), name="budgets")
    _spend(cli, session)


def _carry_out(session: Session, command: Command, done: str, json: bool) -> None:
    async def work(services: Services) -> None:
        receipt = await services.commands.send(command, session.administrator)
        await settled(services, receipt.record.position, CATALOGUE_MODEL)
        if json:
            print_json(receipt.record.result)
        else:
            session.out.print(done, markup=False)

    session.run(WORKING, work)


def _providers(session: Session) -> typer.Typer:
    group = typer.Typer(help="Servers of models.")

    @group.command("list")
    def list_providers(json: AsJson = False) -> None:
        """Providers, their models, and whether their secrets are there."""

        async def work(services: Services) -> None:
            views = await services.queries.ask(ListProviders(), session.administrator)
            if json:
                print_json(views)
                return
            table = Table("provider", "kind", "address", "secret", "models")
            for view in views:
                told = {None: "none", True: "there", False: "MISSING"}[view.secret]
                served = ", ".join(f"{model.alias} = {model.spec.model}" for model in view.models)
                table.add_row(view.provider, view.spec.kind, view.spec.base_url or "", told, served)
            session.out.print(table)

        session.run(READING, work)

    @group.command()
    def put(
        provider: Provider,
        base_url: Annotated[str | None, typer.Option(help="Such as https://api.example.com/v1.")] = None,
        secret: Annotated[str | None, typer.Option(help="env:RYORIN_SECRET_NAME or file:NAME.")] = None,
        kind: Annotated[ProviderKind, typer.Option(help="openai (compatible), or litellm.")] = "openai",
        requests_per_minute: Annotated[int | None, typer.Option(help="What it lets through.")] = None,
        tokens_per_minute: Annotated[int | None, typer.Option(help="What it lets through.")] = None,
        json: AsJson = False,
    ) -> None:
        """Register a provider, or reach it otherwise from now on."""
        spec = ProviderSpec(kind, base_url, secret, Limits(requests_per_minute, tokens_per_minute))
        _carry_out(session, PutProvider(provider=provider, spec=spec), f"{provider} is registered", json)

    @group.command()
    def remove(provider: Provider, json: AsJson = False) -> None:
        """Forget a provider with all its models."""
        _carry_out(session, RemoveProvider(provider=provider), f"{provider} is forgotten", json)

    return group


def _models(session: Session) -> typer.Typer:
    group = typer.Typer(help="Models, by the aliases that requests ask for.")

    @group.command("list")
    def list_models(json: AsJson = False) -> None:
        """All that can be asked."""

        async def work(services: Services) -> None:
            views = await services.queries.ask(ListModels(), session.administrator)
            if json:
                print_json(views)
                return
            table = Table("alias", "kind", "served by")
            for view in views:
                table.add_row(view.id, view.kind, view.owned_by)
            session.out.print(table)

        session.run(READING, work)

    @group.command()
    def put(
        alias: Alias,
        provider: Annotated[str, typer.Option(help="Who serves it.")],
        model: Annotated[str, typer.Option(help="Its name there.")],
        context_tokens: Annotated[int, typer.Option(help="Prompt and answer together.")] = 8192,
        max_output_tokens: Annotated[int, typer.Option(help="The longest answer.")] = 4096,
        input_usd: Annotated[float | None, typer.Option(help="For a million tokens; default: LiteLLM's table.")] = None,
        output_usd: Annotated[float | None, typer.Option(help="For a million tokens.")] = None,
        fallback: Annotated[list[str] | None, typer.Option(help="An alias to ask when it fails; repeat.")] = None,
        json: AsJson = False,
    ) -> None:
        """Have a provider answer for an alias."""
        priced = input_usd is not None or output_usd is not None
        spec = ModelSpec(
            model,
            context_tokens,
            max_output_tokens,
            price=PriceTable(input_usd or 0.0, output_usd or 0.0),
            fallbacks=tuple(fallback or ()),
        )
        command = PutModel(provider=provider, alias=alias, spec=spec, priced=priced)
        _carry_out(session, command, f"{alias} is served by {provider}", json)

    @group.command()
    def remove(
        alias: Alias, provider: Annotated[str, typer.Option(help="Who serves it.")], json: AsJson = False
    ) -> None:
        """Have a provider no longer answer for an alias."""
        command = RemoveModel(provider=provider, alias=alias)
        _carry_out(session, command, f"{provider} serves {alias} no longer", json)

    return group


def _budgets(session: Session) -> typer.Typer:
    group = typer.Typer(help="What may be spent on models.")

    @group.command("set")
    def set_budget(
        usd: Annotated[float, typer.Argument(help="USD in each period.")],
        subject: Annotated[str, typer.Option(help="organisation, or key:PREFIX.")] = ORGANISATION,
        period: Annotated[Period, typer.Option(help="day, month or total, by UTC.")] = "month",
        json: AsJson = False,
    ) -> None:
        """Bound what the organisation or a key may spend."""
        _carry_out(session, SetBudget(subject=subject, usd=usd, period=period), f"{subject}: {usd:g} USD", json)

    @group.command()
    def remove(subject: Subject = ORGANISATION, json: AsJson = False) -> None:
        """Lift a bound."""
        _carry_out(session, RemoveBudget(subject=subject), f"{subject} has no budget any more", json)

    return group


def _spend(cli: typer.Typer, session: Session) -> None:
    @cli.command()
    def spend(days: Annotated[int, typer.Option(help="Today among them.")] = 30, json: AsJson = False) -> None:
        """What was spent on models, and what is left of budgets."""

        async def work(services: Services) -> None:
            found = await services.queries.ask(GetSpend(days=days), session.administrator)
            if json:
                print_json(found)
                return
            table = Table("day", "by", "alias", "served by", "calls", "failed", "tokens in", "tokens out", "USD")
            for use in found.uses:
                counted = use.tokens
                read = counted.input + counted.cached_read + counted.cache_write
                numbers = (use.calls, use.failed, read, counted.output + counted.reasoning)
                row = (str(use.day), use.principal, use.alias, use.deployment, *map(str, numbers), f"{use.usd:.6f}")
                table.add_row(*row)
            session.out.print(table)
            for view in found.budgets:
                one = view.budget
                session.out.print(
                    f"{one.subject}: {view.spent_usd:.4f} of {one.usd:g} USD ({one.period})", markup=False
                )

        session.run(READING, work)
