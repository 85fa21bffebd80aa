"""Readers as a parameter of statements."""

from __future__ import annotations

from ryorin.kernel.messages import Readers


def reader_array(readers: Readers) -> list[str] | None:
    """An array for `documents.readers && …`; NULL reads everything."""
    return None if readers is None else list(readers)
