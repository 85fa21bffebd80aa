"""`ryorin prompts`: make versions, move labels, look at what a version says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ryorin.contexts.prompts.commands import (
    CreatePromptVersion,
    DescribePrompt,
    MovePromptLabel,
    ProtectPromptLabel,
    RemovePrompt,
    RemovePromptLabel,
    SharePrompt,
)
from ryorin.contexts.prompts.queries import (
    PROMPTS_MODEL,
    DiffPromptVersions,
    GetPrompt,
    ListPrompts,
    ListPromptVersions,
)
from ryorin.contexts.prompts.versions import PromptMessage, PromptParameters, PromptReference
from ryorin.entrypoints.cli import prompt_files
from ryorin.entrypoints.cli.session import READING, WORKING, Session, print_json, settled
from ryorin.entrypoints.services import Services
from ryorin.kernel.codec import JSON
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Command

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Name = Annotated[str, typer.Argument(help="The prompt's name.")]
Label = Annotated[str, typer.Argument(help="The label.")]
Protected = Annotated[bool, typer.Option("--protected", help="Meant for protected labels too.")]


def build(session: Session) -> typer.Typer:
    """The group of commands about prompts."""
    group = typer.Typer(help="Stored prompts: versions that never change, labels that move between them.")
    _changes(group, session)
    _about(group, session)
    _looking(group, session)
    _files(group, session)
    return group


async def _settled(services: Services, session: Session, command: Command) -> dict[str, JSON]:
    receipt = await services.commands.send(command, session.administrator)
    await settled(services, receipt.record.position, PROMPTS_MODEL)
    return dict(receipt.record.result or {})


def _changes(group: typer.Typer, session: Session) -> None:
    @group.command()
    def put(
        prompt: Name,
        file: Annotated[Path, typer.Argument(help="A file with the text; variables are written {{name}}.")],
        label: Annotated[list[str] | None, typer.Option("--label", "-l", help="Moves to it; repeat for more.")] = None,
        note: Annotated[str, typer.Option(help="Why it was made.")] = "",
        model: Annotated[str | None, typer.Option(help="The model that answers, unless a question names one.")] = None,
        temperature: Annotated[float | None, typer.Option(help="0-2.")] = None,
        max_tokens: Annotated[int | None, typer.Option(help="Of an answer.")] = None,
        protected: Protected = False,
    ) -> None:
        """Make a new version from a file; the same text again makes none."""
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            session.fail(InvalidInput(f"{file} cannot be read ({type(error).__name__})"))
        command = CreatePromptVersion(
            prompt=prompt,
            messages=(PromptMessage("system", text),),
            parameters=PromptParameters(model=model, temperature=temperature, max_tokens=max_tokens),
            note=note,
            labels=tuple(label or ()),
            protected=protected,
        )

        async def work(services: Services) -> None:
            made = await _settled(services, session, command)
            named = f", which is {' and '.join(label)} now" if label else ""
            session.out.print(f"{prompt} has version {made['version']}{named}", markup=False)

        session.run(WORKING, work)

    @group.command()
    def label(
        prompt: Name,
        label: Label,
        version: Annotated[int, typer.Argument(help="The version.")],
        protected: Protected = False,
    ) -> None:
        """Have a label name a version; back to an earlier one is the rollback."""

        async def work(services: Services) -> None:
            await _settled(
                services, session, MovePromptLabel(prompt=prompt, label=label, version=version, protected=protected)
            )
            session.out.print(f"{prompt}@{label} is version {version}", markup=False)

        session.run(WORKING, work)

    @group.command()
    def unlabel(prompt: Name, label: Label, protected: Protected = False) -> None:
        """Have a label name nothing."""

        async def work(services: Services) -> None:
            await _settled(services, session, RemovePromptLabel(prompt=prompt, label=label, protected=protected))
            session.out.print(f"{prompt} has no label {label} any more", markup=False)

        session.run(WORKING, work)

    @group.command()
    def remove(prompt: Name, protected: Protected = False) -> None:
        """Take a prompt away with all its versions."""

        async def work(services: Services) -> None:
            await _settled(services, session, RemovePrompt(prompt=prompt, protected=protected))
            session.out.print(f"{prompt} is gone", markup=False)

        session.run(WORKING, work)


def _about(group: typer.Typer, session: Session) -> None:
    @group.command()
    def describe(
        prompt: Name,
        folder: Annotated[str | None, typer.Option(help="Names with / between them.")] = None,
        tag: Annotated[list[str] | None, typer.Option("--tag", "-t", help="Repeat for more; replaces all.")] = None,
        description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    ) -> None:
        """Say where a prompt belongs and what it is for."""
        tags = tuple(tag) if tag else None
        command = DescribePrompt(prompt=prompt, folder=folder, tags=tags, description=description)

        async def work(services: Services) -> None:
            await _settled(services, session, command)
            session.out.print(f"{prompt} is described", markup=False)

        session.run(WORKING, work)

    @group.command()
    def share(
        prompt: Name,
        readers: Annotated[list[str], typer.Argument(help="user:NAME, group:NAME, or * for the organisation.")],
    ) -> None:
        """Decide who may read a prompt, and ask with it."""

        async def work(services: Services) -> None:
            await _settled(services, session, SharePrompt(prompt=prompt, readers=tuple(readers)))
            session.out.print(f"{prompt} is read by {', '.join(readers)}", markup=False)

        session.run(WORKING, work)

    @group.command()
    def protect(
        prompt: Name,
        label: Label,
        off: Annotated[bool, typer.Option("--off", help="All editors move it again.")] = False,
    ) -> None:
        """Leave moving a label to admins."""

        async def work(services: Services) -> None:
            await _settled(services, session, ProtectPromptLabel(prompt=prompt, label=label, protected=not off))
            who = "all editors" if off else "admins only"
            session.out.print(f"{prompt}@{label} is moved by {who}", markup=False)

        session.run(WORKING, work)


def _files(group: typer.Typer, session: Session) -> None:
    @group.command("export")
    def export_prompts(
        folder: Annotated[Path, typer.Argument(help="Where the files go.")],
        label: Annotated[str, typer.Option("--label", "-l", help="Which version of each.")] = "latest",
    ) -> None:
        """Write prompts to files, to be kept in git: a YAML file for each."""

        async def work(services: Services) -> None:
            views = await services.queries.ask(ListPrompts(label=label), session.administrator)
            for view in views:
                query = GetPrompt(reference=PromptReference(view.name, label))
                version = await services.queries.ask(query, session.administrator)
                path = prompt_files.place(folder, view)
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(prompt_files.written(view, version), encoding="utf-8")
                except OSError as error:
                    session.fail(InvalidInput(f"{path} cannot be written ({error.strerror})"))
            session.out.print(f"{len(views)} prompts are in {folder}", markup=False)

        session.run(READING, work)

    @group.command("import")
    def import_prompts(
        folder: Annotated[Path, typer.Argument(help="A folder that `export` wrote.")],
        protected: Protected = False,
    ) -> None:
        """Make prompts what files say; a file that says what the newest version says makes none."""
        if not folder.is_dir():
            session.fail(InvalidInput(f"{folder} is no folder"))

        async def work(services: Services) -> None:
            files = prompt_files.in_order(prompt_files.read(folder))
            for _, commands in files:
                for command in commands:
                    meant = (
                        replace(command, protected=protected) if isinstance(command, CreatePromptVersion) else command
                    )
                    await _settled(services, session, meant)
            session.out.print(f"{len(files)} prompts are what {folder} says", markup=False)

        session.run(WORKING, work)


def _looking(group: typer.Typer, session: Session) -> None:
    @group.command("list")
    def list_prompts(json: AsJson = False) -> None:
        """Prompts with their labels."""

        async def work(services: Services) -> None:
            prompts = await services.queries.ask(ListPrompts(), session.administrator)
            if json:
                print_json({"prompts": prompts})
                return
            table = Table("prompt", "versions", "labels")
            for one in prompts:
                table.add_row(one.name, str(one.latest), ", ".join(f"{name} {at}" for name, at in one.labels.items()))
            session.out.print(table)

        session.run(READING, work)

    @group.command()
    def show(
        reference: Annotated[str, typer.Argument(help="NAME (production), NAME@LABEL or NAME@NUMBER.")],
        json: AsJson = False,
    ) -> None:
        """What a version says."""

        async def work(services: Services) -> None:
            query = GetPrompt(reference=PromptReference.parse(reference))
            view = await services.queries.ask(query, session.administrator)
            if json:
                print_json(view)
                return
            for message in view.version.messages:
                session.out.print(f"[{message.role}]", markup=False)
                session.out.print(message.content, markup=False)

        session.run(READING, work)

    @group.command()
    def versions(prompt: Name, json: AsJson = False) -> None:
        """All versions, newest first."""

        async def work(services: Services) -> None:
            found = await services.queries.ask(ListPromptVersions(prompt=prompt), session.administrator)
            if json:
                print_json({"versions": found})
                return
            table = Table("version", "made", "by", "labels", "variables", "note")
            for view in found:
                made = f"{view.created_at:%Y-%m-%d %H:%M}"
                named, needed = ", ".join(view.labels), ", ".join(view.variables)
                table.add_row(str(view.version.number), made, view.version.author, named, needed, view.version.note)
            session.out.print(table)

        session.run(READING, work)

    @group.command()
    def diff(
        prompt: Name,
        before: Annotated[str, typer.Argument(help="A label or number.")] = "production",
        after: Annotated[str, typer.Argument(help="A label or number.")] = "latest",
        json: AsJson = False,
    ) -> None:
        """What one version says that another does not."""

        async def work(services: Services) -> None:
            references = [PromptReference.parse(f"{prompt}@{which}") for which in (before, after)]
            query = DiffPromptVersions(prompt=prompt, before=references[0], after=references[1])
            found = await services.queries.ask(query, session.administrator)
            if json:
                print_json(found)
                return
            for line in found.text:
                session.out.print(line, markup=False, highlight=False)
            for one in found.changed:
                session.out.print(f"{one.what}: {one.before} -> {one.after}", markup=False)
            if not found.text and not found.changed:
                session.out.print(f"versions {found.before} and {found.after} say the same", markup=False)

        session.run(READING, work)
