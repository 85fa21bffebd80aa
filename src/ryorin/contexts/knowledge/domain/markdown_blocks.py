"""Cuts Markdown-shaped text into blocks: headings, fences, tables, list items, paragraphs. Linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

BlockKind = Literal["heading", "code", "table", "prose"]

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_TABLE = re.compile(r"[ \t]*\|")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,4}[.)])[ \t]+\S")
_ANCHOR = re.compile(r"[ \t]*(?:\{\s*/?\*?\s*#[^}]*\}|<a\s[^>]*>(?:</a>)?)[ \t]*$")


@dataclass(frozen=True, slots=True)
class Block:
    """A run of lines, [start, end) in characters; `level` and `title` are set for headings."""

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    title: str = ""


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    start: int
    end: int

    @property
    def blank(self) -> bool:
        return not self.text.strip()


def blocks_of(text: str) -> list[Block]:
    """The blocks of a text in order; blank lines between them belong to none."""
    lines = list(_lines(text))
    blocks: list[Block] = []
    at = _after_front_matter(lines)
    while at < len(lines):
        if lines[at].blank:
            at += 1
            continue
        block, at = _block(lines, at)
        blocks.append(block)
    return blocks


def _lines(text: str) -> Iterator[_Line]:
    start = 0
    for piece in text.splitlines(keepends=True):
        yield _Line(piece.rstrip("\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), start, start + len(piece))
        start += len(piece)


def _after_front_matter(lines: list[_Line]) -> int:
    # an indented rule is none of it, and what follows would be lost
    if not lines or lines[0].text.rstrip() != "---":
        return 0
    for at, line in enumerate(lines[1:200], start=1):
        if line.text.rstrip() == "---":
            return at + 1
    return 0


def _block(lines: list[_Line], at: int) -> tuple[Block, int]:
    line = lines[at]
    heading = _ATX.match(line.text)
    if heading:
        title = _ANCHOR.sub("", heading.group(2) or "").strip()
        return Block("heading", line.start, line.end, len(heading.group(1)), title), at + 1
    fence = _FENCE.match(line.text)
    if fence:
        end = _fence_end(lines, at, fence.group(1))
        return Block("code", line.start, lines[end - 1].end), end
    if _TABLE.match(line.text):
        end = _table_end(lines, at)
        return Block("table", line.start, lines[end - 1].end), end
    return _prose(lines, at)


def _fence_end(lines: list[_Line], at: int, mark: str) -> int:
    for end in range(at + 1, len(lines)):
        if lines[end].text.strip().startswith(mark) and not lines[end].text.strip().strip(mark[0]):
            return end + 1
    return len(lines)


def _table_end(lines: list[_Line], at: int) -> int:
    end = at
    while end < len(lines) and _TABLE.match(lines[end].text):
        end += 1
    return end


def _prose(lines: list[_Line], at: int) -> tuple[Block, int]:
    end = at + 1
    while end < len(lines) and not _interrupts(lines[end]):
        if _SETEXT.match(lines[end].text) and end == at + 1:
            level = 1 if "=" in lines[end].text else 2
            block = Block("heading", lines[at].start, lines[end].end, level, lines[at].text.strip())
            return block, end + 1
        end += 1
    return Block("prose", lines[at].start, lines[end - 1].end), end


def _interrupts(line: _Line) -> bool:
    text = line.text
    return line.blank or any(pattern.match(text) for pattern in (_ATX, _FENCE, _TABLE, _ITEM))
