"""Prompts as files that can be kept in git: YAML, a file for each prompt, in its folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from ryorin.contexts.prompts.commands import CreatePromptVersion, DescribePrompt
from ryorin.contexts.prompts.queries import PromptView
from ryorin.contexts.prompts.versions import LATEST, VersionView, references_of
from ryorin.kernel.codec import from_json, to_json
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Command

File = tuple[Path, tuple[Command, ...]]

SUFFIX = ".yaml"
ABOUT = ("tags", "description")
VERSION = ("kind", "syntax", "messages", "parameters", "variables", "note", "labels")


class _Dumper(yaml.SafeDumper):
    """Texts of several lines are written as such, so that git shows which line changed."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def written(view: PromptView, version: VersionView) -> str:
    """The file of a prompt: one version, the labels that name it, and what the prompt is besides."""
    said = {
        "kind": version.version.kind,
        "syntax": version.version.syntax,
        "tags": view.about.tags,
        "description": view.about.description,
        "labels": [label for label in version.labels if label != LATEST],
        "note": version.version.note,
        "parameters": _given(to_json(version.version.parameters)),
        "variables": [_given(to_json(one)) for one in version.version.variables],
        "messages": version.version.messages,
    }
    return yaml.dump(_given(to_json(said)), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)


def place(folder: Path, view: PromptView) -> Path:
    """Where a prompt's file belongs."""
    return folder / view.about.folder / f"{view.name}{SUFFIX}"


def read(folder: Path) -> Iterator[File]:
    """The commands that make each file's prompt what the file says; raises InvalidInput naming the file."""
    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        try:
            said = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InvalidInput(f"{path} cannot be read: {' '.join(str(error).split())[:200]}") from error
        if not isinstance(said, Mapping):
            raise InvalidInput(f"{path} is no prompt: it has no `messages`")
        if unknown := sorted(set(map(str, said)) - {*ABOUT, *VERSION}):
            raise InvalidInput(f"{path} has unknown fields: {', '.join(unknown)}")
        where = path.parent.relative_to(folder).as_posix()
        yield path, _commands(path, said, "" if where == "." else where)


def in_order(files: Iterable[File]) -> list[File]:
    """All of them, those that are taken in by others before those others; raises InvalidInput for a circle."""
    by_name = {path.stem: (path, commands) for path, commands in files}
    sorter = TopologicalSorter({name: _takes_in(commands) & set(by_name) for name, (_, commands) in by_name.items()})
    try:
        return [by_name[name] for name in sorter.static_order()]
    except CycleError as error:
        raise InvalidInput(f"these prompts take in each other: {', '.join(map(str, error.args[1]))}") from error


def _takes_in(commands: tuple[Command, ...]) -> set[str]:
    texts = [
        one.content for command in commands if isinstance(command, CreatePromptVersion) for one in command.messages
    ]
    return {one.name for one in references_of(texts)}


def _commands(path: Path, said: Mapping[str, Any], where: str) -> tuple[Command, ...]:
    about = {"prompt": path.stem, "folder": where, **{name: said[name] for name in ABOUT if name in said}}
    version = {"prompt": path.stem, **{name: said[name] for name in VERSION if name in said}}
    try:
        commands: tuple[Command, ...] = (from_json(CreatePromptVersion, version), from_json(DescribePrompt, about))
        for command in commands:
            command.validate()
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error.detail}") from error
    return commands


def _given(fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, [], {}, "")}
