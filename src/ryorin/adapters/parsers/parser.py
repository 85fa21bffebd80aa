"""The document parser: chooses by format, guards, and shapes what comes out."""

from __future__ import annotations

import re

from ryorin.adapters.parsers.formats import TEXT_TYPES, ParserLimits, check_content, media_type_of
from ryorin.adapters.parsers.sandbox import Sandbox
from ryorin.adapters.parsers.text_formats import csv_to_markdown, decode, json_to_markdown, jsonl_to_markdown, storable
from ryorin.contexts.knowledge.domain.parsed import ParsedDocument
from ryorin.contexts.knowledge.errors import UnreadableDocument

_HEADING = re.compile(r"^#{1,2}[ \t]+(.+?)[ \t]*#*[ \t]*(?:\{[^}\n]*\})?[ \t]*$", re.MULTILINE)
_FRONT_MATTER_TITLE = re.compile(r"\A---\n(?:.*\n){0,50}?title:[ \t]*[\"']?(.+?)[\"']?[ \t]*\n")
_KANA = re.compile(r"[\u3040-\u30ff]")
_LATIN = re.compile(r"[A-Za-z]")
# kana per Latin letter from which a text is Japanese; documentation is full of English code
JAPANESE_SHARE = 0.1
TITLE_CHARACTERS = 200


class SandboxedParser:
    """The `DocumentParser` port: text formats in process, all others in a guarded child."""

    def __init__(self, limits: ParserLimits | None = None, processes: int = 2) -> None:
        self._limits = limits or ParserLimits()
        self._sandbox = Sandbox(self._limits, processes)

    def parse(self, content: bytes, filename: str, media_type: str | None) -> ParsedDocument:
        """Read a file; raises UnreadableDocument naming file and reason."""
        kind = media_type_of(filename, media_type)
        check_content(content, filename, kind, self._limits)
        if kind in TEXT_TYPES:
            text, title = _text(decode(content, filename), filename, kind), None
        else:
            extracted = self._sandbox.extract(content, filename, kind)
            text, title = extracted.text, extracted.title
        text = storable(text)
        self._check_text(text, filename)
        return ParsedDocument(text, storable(title) if title else title_of(text), kind, language_of(text))

    def text(self, text: str, media_type: str) -> ParsedDocument:
        """What a text is that is no file."""
        text = storable(text)
        return ParsedDocument(text, title_of(text), media_type, language_of(text))

    def _check_text(self, text: str, filename: str) -> None:
        if not text.strip():
            raise UnreadableDocument(f"{filename}: no text was found (a scanned picture, or an empty document?)")
        if len(text) > self._limits.max_text_characters:
            raise UnreadableDocument(
                f"{filename}: its text has {len(text):,} characters; at most "
                f"{self._limits.max_text_characters:,} are indexed; split the file"
            )

    def close(self) -> None:
        """End the child processes."""
        self._sandbox.close()


def _text(text: str, filename: str, kind: str) -> str:
    match kind:
        case "text/csv":
            return csv_to_markdown(text, filename, ",")
        case "text/tab-separated-values":
            return csv_to_markdown(text, filename, "\t")
        case "application/json":
            return json_to_markdown(text, filename)
        case "application/x-ndjson":
            return jsonl_to_markdown(text, filename)
        case _:
            return text


def title_of(text: str) -> str | None:
    """The title a Markdown-shaped text gives itself: front matter, or the first heading."""
    head = text[:20_000]
    found = _FRONT_MATTER_TITLE.search(head) or _HEADING.search(head)
    return found.group(1).strip()[:TITLE_CHARACTERS] if found else None


def language_of(text: str) -> str | None:
    """ "ja" or "en" by the share of kana, None when there are too few letters to tell."""
    sample = text[:20_000]
    kana, latin = len(_KANA.findall(sample)), len(_LATIN.findall(sample))
    if kana + latin < 5:  # noqa: PLR2004 - a handful of letters says nothing
        return None
    return "ja" if kana > JAPANESE_SHARE * latin else "en"
