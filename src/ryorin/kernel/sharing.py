"""Tags and readers: what documents and prompts have in common."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import EVERYONE, PUBLIC, Scope

MAX_TAG_CHARACTERS = 100
MAX_READERS = 100
MAX_READER_CHARACTERS = 210


def printable(text: str) -> bool:
    """Whether a text can be stored and shown: no control characters, no lone surrogates."""
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Each once, sorted: two lists of tags or readers that mean the same are equal."""
    return tuple(sorted(set(names)))


def readers_in_order(readers: Iterable[str]) -> tuple[str, ...]:
    """As `in_order`; what is public is not hidden from the organisation."""
    named = set(readers)
    return in_order({*named, EVERYONE} if PUBLIC in named else named)


def scopes_to_share(scope: Scope, readers: Iterable[str] | None) -> tuple[Scope, ...]:
    """What it takes to have something read by these: publishing is for admins."""
    return (scope, Scope.ADMIN) if PUBLIC in (readers or ()) else (scope,)


def check_tag(tag: str) -> None:
    """Raise InvalidInput unless `tag` can be a tag."""
    if not tag.strip() or len(tag) > MAX_TAG_CHARACTERS or not printable(tag):
        raise InvalidInput(f"tag {tag[:80]!r} must have 1-{MAX_TAG_CHARACTERS} printable characters")


def check_readers(readers: Sequence[str]) -> None:
    """Raise InvalidInput unless these can be readers."""
    if len(readers) > MAX_READERS:
        raise InvalidInput(f"there can be {MAX_READERS} readers at most; use groups")
    for reader in readers:
        kind, _, name = reader.partition(":")
        named = kind in ("user", "group") and bool(name.strip())
        if reader not in (EVERYONE, PUBLIC) and not (
            named and len(reader) <= MAX_READER_CHARACTERS and printable(reader)
        ):
            raise InvalidInput(
                f"reader {reader[:80]!r} must be user:NAME, group:NAME, {EVERYONE} for everyone, or {PUBLIC}"
            )
