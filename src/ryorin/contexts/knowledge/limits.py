"""What names, tags and metadata may look like; the front door refuses everything else."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from urllib.parse import urlsplit

from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.sharing import MAX_TAG_CHARACTERS, printable

MAX_ID_CHARACTERS = 500
MAX_METADATA_ENTRIES = 64
MAX_METADATA_CHARACTERS = 2000
MAX_URL_CHARACTERS = 2000


def check_id(kind: str, value: str) -> None:
    """Raise InvalidInput unless `value` can name a collection or document."""
    if not value.strip() or len(value) > MAX_ID_CHARACTERS or not printable(value):
        raise InvalidInput(
            f"{kind} id {value[:80]!r} must have 1-{MAX_ID_CHARACTERS} printable characters, not only blanks"
        )
    if kind == "collection" and "/" in value:
        raise InvalidInput(f"collection id {value[:80]!r} must not contain '/'")


def check_url(url: str) -> None:
    """Raise InvalidInput unless something might be fetched from there: http or https, and no credentials."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise InvalidInput(f"the URL {url[:200]!r} is none: {error}") from error
    if not known or len(url) > MAX_URL_CHARACTERS or not printable(url) or " " in url:
        raise InvalidInput(f"the URL {url[:200]!r} must be http:// or https://, with a host")
    if parts.username is not None or parts.password is not None:
        raise InvalidInput("the URL must hold no credentials: it is kept and shown")


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Raise InvalidInput unless `metadata` is a small map of printable names to storable texts."""
    if len(metadata) > MAX_METADATA_ENTRIES:
        raise InvalidInput(f"metadata has {len(metadata)} entries; at most {MAX_METADATA_ENTRIES} are allowed")
    for key, value in metadata.items():
        if not key or len(key) > MAX_TAG_CHARACTERS or not printable(key):
            raise InvalidInput(f"metadata name {key[:80]!r} must have 1-{MAX_TAG_CHARACTERS} characters")
        if len(value) > MAX_METADATA_CHARACTERS or "\x00" in value or (not value.isascii() and not _storable(value)):
            raise InvalidInput(f"metadata {key!r} must be text of at most {MAX_METADATA_CHARACTERS} characters")


def _storable(text: str) -> bool:
    return not any(unicodedata.category(character) == "Cs" for character in text)
