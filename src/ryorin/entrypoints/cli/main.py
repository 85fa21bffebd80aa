"""The `ryorin` program: its commands and options."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from typer.exceptions import Abort, TyperException

from ryorin.contexts.answers.commands import WarmAnswers
from ryorin.entrypoints.cli import (
    audit,
    backups,
    cache,
    collections,
    commands_of_commands,
    conversations,
    demo,
    erasing,
    evaluations,
    experts,
    gateway,
    keys,
    objectives,
    people,
    projections,
    prompts,
    questions,
    records,
)
from ryorin.entrypoints.cli.ingest import FolderIngest, Report, Target
from ryorin.entrypoints.cli.session import READING, WORKING, Session, print_json
from ryorin.entrypoints.problems import FAILURE, exit_code_of
from ryorin.entrypoints.services import Services
from ryorin.kernel.errors import InvalidInput, RyorinError

Serve = Callable[[str | None, int | None, str], None]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Collection = Annotated[str, typer.Option("--collection", "-c", help="The collection's name.")]


def build_cli(session: Session, serve: Serve, keeping: tuple[backups.Work, backups.Work]) -> typer.Typer:
    """The program on a session; `serve` runs a server until it is stopped, `keeping` backs up and restores."""
    cli = typer.Typer(
        name="ryorin",
        help="A self-hosted server for LLM applications whose answers follow the documents.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    _add_serve(cli, serve)
    _add_ingest(cli, session)
    records.add(cli, session)
    erasing.add(cli, session)
    _add_doctor(cli, session)
    questions.add(cli, session)
    demo.add(cli, session)
    cli.add_typer(commands_of_commands.build(session), name="commands")
    cli.add_typer(collections.build(session), name="collections")
    cli.add_typer(projections.build(session), name="projections")
    cli.add_typer(cache.build(session), name="cache")
    cli.add_typer(keys.build(session), name="keys")
    audit.add(cli, session)
    backups.add(cli, session, *keeping)
    people.add(cli, session)
    gateway.add(cli, session)
    objectives.add(cli, session)
    cli.add_typer(experts.build(session), name="experts")
    cli.add_typer(prompts.build(session), name="prompts")
    cli.add_typer(evaluations.build_datasets(session), name="datasets")
    cli.add_typer(evaluations.build_evaluations(session), name="evaluations")
    cli.add_typer(conversations.build(session), name="conversations")
    return cli


def run(cli: typer.Typer) -> NoReturn:
    """Run the program; a mistake in the arguments is one line on stderr and exit code 2."""
    try:
        code = cli(standalone_mode=False, prog_name="ryorin")
    except TyperException as error:
        context = getattr(error, "ctx", None)
        # without any argument the help was shown already, and the message is empty
        if message := error.format_message():
            command = context.command_path if context else "ryorin"
            print(f"ryorin: {message} See `{command} --help`.", file=sys.stderr)  # noqa: T201 - Rich would wrap it
        sys.exit(error.exit_code)
    except RyorinError as error:
        # of arguments that only the program itself can judge
        print(f"ryorin: {error.detail}", file=sys.stderr)  # noqa: T201 - Rich would wrap it
        sys.exit(exit_code_of(error))
    except Abort:
        sys.exit(FAILURE)
    sys.exit(code if isinstance(code, int) else 0)


def _add_serve(cli: typer.Typer, serve: Serve) -> None:
    @cli.command("serve")
    def serve_command(
        host: Annotated[str | None, typer.Option(help="Address to listen on; default 127.0.0.1.")] = None,
        port: Annotated[int | None, typer.Option(help="Port to listen on; default 8600.")] = None,
        roles: Annotated[
            str, typer.Option(help="What this process does, joined by commas.")
        ] = "http,worker,projections",
    ) -> None:
        """Run the server until it is stopped."""
        serve(host, port, roles)


def _add_ingest(cli: typer.Typer, session: Session) -> None:
    @cli.command()
    def ingest(
        folder: Annotated[Path, typer.Argument(help="A folder, or one file.")],
        collection: Collection,
        tag: Annotated[list[str] | None, typer.Option(help="A tag for all documents; repeat for several.")] = None,
        reader: Annotated[
            list[str] | None, typer.Option(help="Who may read them: user:NAME or group:NAME; default: everyone.")
        ] = None,
        watch: Annotated[bool, typer.Option("--watch", help="Keep the collection in sync until stopped.")] = False,
        warm: Annotated[int, typer.Option(help="Popular questions to answer again afterwards.", min=0)] = 0,
        json: AsJson = False,
    ) -> None:
        """Bring a collection in line with a folder; unchanged files cost nothing."""
        if not folder.exists():
            session.fail(InvalidInput(f"{folder} does not exist"))
        target = Target(folder, collection, tuple(tag or ()), tuple(reader or ()))

        async def work(services: Services) -> int:
            runner = FolderIngest(services, session.administrator, target, session.err)
            if not watch:
                status = _show_report(await runner.once(), session, json)
                command = WarmAnswers(collection=collection, limit=warm)
                return max(status, await cache.warmed(services, session, command)) if warm else status
            async with aclosing(runner.watch()) as reports:
                async for report in reports:
                    _show_report(report, session, json)
            return 0

        session.run(WORKING, work)


def _show_report(report: Report, session: Session, as_json: bool) -> int:
    if as_json:
        print_json(report)
    else:
        session.out.print(
            f"added {report.added}, changed {report.changed}, unchanged {report.unchanged}, "
            f"removed {report.removed}, failed {len(report.failed)}; "
            f"{report.chunks} chunks, {report.embedded} embedded"
        )
        for document, reason in sorted(report.failed.items()):
            session.out.print(f"  failed {document}: {reason}", markup=False, soft_wrap=True)
    return 1 if report.failed else 0


def _add_doctor(cli: typer.Typer, session: Session) -> None:
    @cli.command()
    def doctor(json: AsJson = False) -> None:
        """Look at everything Ryorin needs, and say how to mend what is broken."""

        async def work(services: Services) -> int:
            checks = await services.checks()
            if json:
                print_json(checks)
            else:
                for check in checks:
                    mark = "[green]ok[/green]  " if check.ok else "[red]FAIL[/red]"
                    session.out.print(f"{mark} {check.name}: {check.detail}", soft_wrap=True)
                    if not check.ok and check.remedy:
                        session.out.print(f"     to mend it: {check.remedy}", soft_wrap=True)
            return 0 if all(check.ok for check in checks) else 1

        session.run(READING, work)
