"""Refuses messages with text that no log and no read model could hold: lone surrogates and NUL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from ryorin.kernel.errors import InvalidInput


def check_storable(value: Any, where: str = "") -> None:
    """Raise InvalidInput naming the field, at any depth of a message's fields."""
    if isinstance(value, str):
        _check_text(value, where)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            check_storable(name, where)
            check_storable(item, where)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            check_storable(item, where)
    elif is_dataclass(value):
        for field in fields(value):
            check_storable(getattr(value, field.name), f"{where}.{field.name}" if where else field.name)


def _check_text(text: str, where: str) -> None:
    if "\x00" in text:
        raise InvalidInput(f"{where}: the text holds a NUL character; leave it out")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            character = f"U+{ord(text[error.start]):04X}"
            raise InvalidInput(
                f"{where}: {character} at {error.start} is half of a surrogate pair and no character"
            ) from error
