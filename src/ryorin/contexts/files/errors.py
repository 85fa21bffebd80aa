"""Errors of the files context."""

from __future__ import annotations

from ryorin.kernel.errors import NotFound


class FileNotFound(NotFound):
    """No such file in this organisation."""

    code = "file_not_found"
