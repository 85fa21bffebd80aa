"""What a parser makes of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """Text of a file: Markdown-shaped for structured formats, as it stands for text formats.

    `language` is "ja", "en" or None when neither is clear.
    """

    text: str
    title: str | None
    media_type: str
    language: str | None
    metadata: Mapping[str, str] = field(default_factory=dict)
