"""Cuts a document into chunks along its structure: sections, blocks, then sentences; never within one.

Sections are cut independently of each other, so that an edit changes only its own section's
chunks and every other chunk keeps its text, and with it its vector.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.domain.markdown_blocks import Block, blocks_of
from ryorin.contexts.knowledge.domain.parsed import ParsedDocument
from ryorin.contexts.knowledge.domain.sentences import split_sentences

# Tokens of multilingual-e5 a character stands for, measured on Japanese and English pages of documentation.
CJK_TOKENS = 0.62
OTHER_TOKENS = 0.27
FIRST_CJK = 0x2E80


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document: its text is source[start_byte:end_byte] of the UTF-8 source."""

    ordinal: int
    text: str
    heading_path: tuple[str, ...]
    start_byte: int
    end_byte: int


@dataclass(frozen=True, slots=True)
class ChunkLimits:
    """Sizes in estimated tokens: pieces are joined up to `target`; only what is longer than `maximum` is cut."""

    target: float = 200.0
    maximum: float = 380.0


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int


class _Measure:
    """Sizes and byte offsets of any span of one text in constant time."""

    def __init__(self, text: str) -> None:
        self.text = text
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        self._tokens = _running_sum(np.where(points >= FIRST_CJK, CJK_TOKENS, OTHER_TOKENS))
        widths = 1 + (points >= 0x80) + (points >= 0x800) + (points >= 0x10000)  # noqa: PLR2004 - UTF-8's steps
        self._bytes = _running_sum(widths.astype(np.int64))

    def size(self, start: int, end: int) -> float:
        return float(self._tokens[end] - self._tokens[start])

    def byte(self, at: int) -> int:
        return int(self._bytes[at])

    def fitting(self, start: int, tokens: float) -> int:
        """The furthest end at which a span from `start` still fits."""
        return max(start + 1, int(np.searchsorted(self._tokens, self._tokens[start] + tokens, side="right")) - 1)


def _running_sum(values: NDArray[np.generic]) -> NDArray[np.float64]:
    return np.concatenate(([0], np.cumsum(values)))


def chunk_document(document: ParsedDocument, limits: ChunkLimits | None = None) -> list[Chunk]:
    """Cut a document; every character but blanks between blocks is in exactly one chunk, in order."""
    limits = limits or ChunkLimits()
    measure = _Measure(document.text)
    chunks: list[Chunk] = []
    for path, blocks in _sections(blocks_of(document.text)):
        pieces = [piece for block in blocks for piece in _pieces(block, measure, limits)]
        for span in _packed(pieces, measure, limits):
            chunks.append(_chunk(len(chunks), path, span, measure))
    return chunks


def _chunk(ordinal: int, path: tuple[str, ...], span: _Span, measure: _Measure) -> Chunk:
    raw = measure.text[span.start : span.end]
    start = span.start + len(raw) - len(raw.lstrip())
    end = span.start + len(raw.rstrip())
    return Chunk(ordinal, measure.text[start:end], path, measure.byte(start), measure.byte(end))


def _sections(blocks: list[Block]) -> Iterator[tuple[tuple[str, ...], list[Block]]]:
    """Each heading with the blocks up to the next one; a heading with nothing below joins its child's chunk."""
    path: list[tuple[int, str]] = []
    current: list[Block] = []
    for block in blocks:
        if block.kind == "heading":
            if any(other.kind != "heading" for other in current):
                yield _titles(path), current
                current = []
            path = [entry for entry in path if entry[0] < block.level]
            path.append((block.level, block.title))
        current.append(block)
    if current:
        yield _titles(path), current


def _titles(path: list[tuple[int, str]]) -> tuple[str, ...]:
    return tuple(title for _, title in path if title)


def _pieces(block: Block, measure: _Measure, limits: ChunkLimits) -> list[_Span]:
    if measure.size(block.start, block.end) <= limits.maximum:
        return [_Span(block.start, block.end)]
    text = measure.text[block.start : block.end]
    if block.kind == "prose":
        inner = [_Span(block.start + start, block.start + end) for start, end in split_sentences(text)]
    else:
        inner = _line_spans(text, block.start)
    return [piece for span in inner for piece in _cut(span, measure, limits)]


def _line_spans(text: str, offset: int) -> list[_Span]:
    spans: list[_Span] = []
    for line in text.splitlines(keepends=True):
        spans.append(_Span(offset, offset + len(line)))
        offset += len(line)
    return [span for span in spans if span.end > span.start]


def _cut(span: _Span, measure: _Measure, limits: ChunkLimits) -> Iterator[_Span]:
    """Cut what is longer than any chunk may be: at a blank or comma near the end, else where it must be."""
    start = span.start
    while measure.size(start, span.end) > limits.maximum:
        end = min(measure.fitting(start, limits.maximum), span.end)
        window = measure.text[start:end]
        # not in the first half: a cut there would leave slivers
        best = max(window.rfind(mark, len(window) // 2) for mark in (" ", "\n", "、", ",", "，"))
        cut = start + best + 1 if best > 0 else end
        yield _Span(start, cut)
        start = cut
    if start < span.end:
        yield _Span(start, span.end)


def _packed(pieces: list[_Span], measure: _Measure, limits: ChunkLimits) -> Iterator[_Span]:
    """Join neighbours up to the target; a short piece at either end joins what stands beside it."""
    spans: list[_Span] = []
    for piece in pieces:
        if not measure.text[piece.start : piece.end].strip():
            continue
        if spans and _belongs(spans[-1], piece, measure, limits):
            spans[-1] = _Span(spans[-1].start, piece.end)
        else:
            spans.append(piece)
    if len(spans) > 1 and _belongs(spans[-1], spans[-2], measure, limits):
        spans[-2:] = [_Span(spans[-2].start, spans[-1].end)]
    yield from spans


def _belongs(span: _Span, neighbour: _Span, measure: _Measure, limits: ChunkLimits) -> bool:
    """Whether a span is joined with its neighbour: both are short, or it is too short to stand alone, as a heading."""
    joined = measure.size(min(span.start, neighbour.start), max(span.end, neighbour.end))
    too_short = measure.size(span.start, span.end) < limits.target / 4
    return joined <= (limits.maximum if too_short else limits.target)
