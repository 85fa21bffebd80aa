"""Takes secrets and addresses of people out of what is logged, whoever logs it."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

# what to look for is cheap, and what is found is replaced by what it was
PATTERNS = (
    # before keys: a token has dots within
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), "[token]"),
    (re.compile(r"\bryo_([0-9a-f]{4,})_[0-9a-f]{8,}"), r"ryo_\1_[secret]"),
    (re.compile(r"\b(?:sk|pk|rk|gsk|hf|ghp|xox[abp])[-_][\w-]{12,}"), "[key]"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.I), r"\1 [secret]"),
    # of URLs: postgresql://user:password@host
    (re.compile(r"(\w+://[^\s:/@]*):[^\s@/]+@"), r"\1:[secret]@"),
    (
        re.compile(r"\b(password|passwd|secret|api[_-]?key|token)([\"']?\s*[=:]\s*[\"']?)[^\s\"',;&]{4,}", re.I),
        r"\1\2[secret]",
    ),
    (re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"), "[e-mail]"),
)


def redacted(text: str) -> str:
    """The text without them."""
    for pattern, instead in PATTERNS:
        text = pattern.sub(instead, text)
    return text


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """A processor of structlog's: every text of a line, at any depth."""
    return {name: _clean(value) for name, value in event.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {name: _clean(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
