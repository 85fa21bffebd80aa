"""Secrets by reference: variables of the server and files of one folder (ADR-0018)."""

from __future__ import annotations

import os
from pathlib import Path


class LocalSecrets:
    """The `Secrets` port; reads anew each time, so that a rotated secret is used at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, reference: str) -> str | None:
        """The secret now; None when the reference leads nowhere."""
        kind, _, name = reference.partition(":")
        if kind == "env":
            return os.environ.get(name) or None
        try:
            # a name without a slash: the commands let no other through
            return (self._folder / Path(name).name).read_text(encoding="utf-8").strip() or None
        except (OSError, UnicodeDecodeError):
            return None
