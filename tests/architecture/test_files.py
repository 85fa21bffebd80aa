from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

SOURCES = sorted(Path("src/ryorin").rglob("*.py"))
MAX_LINES = 400
MACHINE_PATH = re.compile(r"/(?:work|root|home/\w+|Users)/")


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_a_file_is_short_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text()

    assert len(text.splitlines()) <= MAX_LINES
    assert ast.get_docstring(ast.parse(text)) or "migrations/env.py" in str(path)


def test_no_machine_paths_anywhere() -> None:
    found = [str(path) for path in SOURCES if MACHINE_PATH.search(path.read_text())]

    assert found == []


def test_the_lock_names_no_registry() -> None:
    assert not re.search(r"https?://|^--(index|extra|find)", Path("requirements.lock").read_text(), re.MULTILINE)
