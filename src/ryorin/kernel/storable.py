"""Refuses messages with text that no log and no read model could hold: lone surrogates and NUL."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, cast

from ryorin.kernel.errors import InvalidInput


def check_storable(value: Any, where: str = "") -> None:
    """Raise InvalidInput naming the field, at any depth of a message's fields."""
    if isinstance(value, str):
        _check_text(value, where)
    elif value is None or isinstance(value, int | float):
        return
    elif isinstance(value, Mapping):
        for name, item in value.items():
            check_storable(name, where)
            check_storable(item, where)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            check_storable(item, where)
    else:
        for name in _field_names(cast(Hashable, type(value))):
            check_storable(getattr(value, name), f"{where}.{name}" if where else name)


def storable(text: str) -> str:
    """A text that somebody else made, without what cannot be stored: NUL goes, halves of surrogate pairs become `?`."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


# every query comes through here: looking fields up anew took a tenth of a cached answer's time
@cache
def _field_names(kind: Hashable) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


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
