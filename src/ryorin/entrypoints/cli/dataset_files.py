"""Datasets as files: a JSON object a line, or CSV with a header."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ryorin.contexts.evaluation.specs import DatasetItem
from ryorin.kernel.codec import from_json
from ryorin.kernel.errors import InvalidInput

COLUMNS = ("id", "input", "expected", "rubric", "context", "source", "split")


def read(file: Path) -> list[DatasetItem]:
    """Its items; raises InvalidInput naming the line. An item without an id is called by its number."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} cannot be read ({type(error).__name__})") from error
    rows = _from_csv(file, text) if file.suffix.lower() == ".csv" else _from_lines(file, text)
    items: list[DatasetItem] = []
    for line, row in rows:
        try:
            items.append(from_json(DatasetItem, {"id": str(len(items) + 1), **row}))
        except InvalidInput as error:
            raise InvalidInput(f"{file}, line {line}: {error.detail}") from error
    return items


def _from_lines(file: Path, text: str) -> list[tuple[int, Mapping[str, Any]]]:
    found: list[tuple[int, Mapping[str, Any]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InvalidInput(f"{file}, line {number}: it is no JSON: {error}") from error
        if not isinstance(row, dict):
            raise InvalidInput(f"{file}, line {number}: it is no JSON object")
        if unknown := sorted(row.keys() - {*COLUMNS, "variables", "metadata"}):
            raise InvalidInput(f"{file}, line {number}: unknown fields {', '.join(unknown)}")
        found.append((number, row))
    return found


def _from_csv(file: Path, text: str) -> list[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    found: list[tuple[int, Mapping[str, Any]]] = []
    try:
        for row in reader:
            if None in row or None in row.values():
                raise InvalidInput(f"{file}, line {reader.line_num}: it has not as many columns as the header")
            found.append((reader.line_num, _item(row)))
    except csv.Error as error:
        raise InvalidInput(f"{file}, line {reader.line_num}: {error}") from error
    return found


def _item(row: Mapping[str, str]) -> Mapping[str, Any]:
    """Columns that are no field are values of the prompt's variables; empty ones are not there."""
    said: dict[str, Any] = {name: row[name] for name in COLUMNS if row.get(name)}
    if "context" in said:
        said["context"] = [said["context"]]
    return {**said, "variables": {name: value for name, value in row.items() if name not in COLUMNS}}
