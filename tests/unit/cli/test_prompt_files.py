"""Prompts as files: what is written is read as the same, and what is wrong is said with its file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ryorin.contexts.prompts.commands import CreatePromptVersion, DescribePrompt
from ryorin.contexts.prompts.queries import PromptView
from ryorin.contexts.prompts.versions import (
    PromptAbout,
    PromptMessage,
    PromptParameters,
    PromptVariable,
    PromptVersion,
    VersionView,
)
from ryorin.entrypoints.cli import prompt_files
from ryorin.kernel.errors import InvalidInput

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ABOUT = PromptAbout("mail/support", ("挨拶", "b"), "Greets")
VERSION = PromptVersion(
    3,
    (PromptMessage("system", "一行目\n  two: {{x}} # no comment\n\n"), PromptMessage("user", "yes")),
    PromptParameters("big", 0.5, stop=("END",)),
    "Why",
    "me",
    "chat",
    "jinja",
    (PromptVariable("x", "list", default=["a", 1]),),
)


def test_what_is_written_is_read_as_the_same(tmp_path: Path) -> None:
    view = PromptView("greeter", 3, {"latest": 3}, (1, 2, 3), "chat", VERSION.parameters, NOW, ABOUT)
    path = prompt_files.place(tmp_path, view)
    path.parent.mkdir(parents=True)
    path.write_text(prompt_files.written(view, VersionView(VERSION, ("x",), ("latest", "production"), NOW)))

    ((found, commands),) = prompt_files.read(tmp_path)
    assert found == tmp_path / "mail/support/greeter.yaml"
    assert commands == (
        CreatePromptVersion(
            prompt="greeter",
            messages=VERSION.messages,
            parameters=VERSION.parameters,
            note="Why",
            labels=("production",),
            syntax="jinja",
            variables=VERSION.variables,
        ),
        DescribePrompt(prompt="greeter", folder="mail/support", tags=ABOUT.tags, description="Greets"),
    )


def test_what_is_taken_in_comes_first(tmp_path: Path) -> None:
    for name, text in (("a", "{{> c}}"), ("b", "B"), ("c", "{{> b@live}}{{> elsewhere}}")):
        (tmp_path / f"{name}.yaml").write_text(f"messages: [{{role: system, content: '{text}'}}]")
    assert [path.stem for path, _ in prompt_files.in_order(prompt_files.read(tmp_path))] == ["b", "c", "a"]
    (tmp_path / "b.yaml").write_text("messages: [{role: system, content: '{{> a}}'}]")
    with pytest.raises(InvalidInput, match="take in each other"):
        prompt_files.in_order(prompt_files.read(tmp_path))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "greeter.yaml cannot be read"),
        ("- a", "is no prompt"),
        ("messages: []\nmore: 1", "unknown fields: more"),
        ("messages: 3", "greeter.yaml: '3' is not a"),
        ("note: x", "greeter.yaml: CreatePromptVersion"),
        ("messages: [{role: king, content: a}]", "greeter.yaml: 'king'"),
        ("messages: [{role: system, content: ' '}]", "greeter.yaml: the prompt says nothing"),
    ],
)
def test_what_is_wrong_is_said_with_its_file(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "greeter.yaml").write_text(text)
    with pytest.raises(InvalidInput, match=told):
        list(prompt_files.read(tmp_path))
