"""Finds sentences in Japanese and English text."""

from __future__ import annotations

import re

# Japanese enders need no blank after them; Latin ones do, or "3.14" and "e.g." would fall apart.
_END = re.compile(
    r"""(?P<cjk>[。！？｡]+[」』）】〉》”’"')\]]*)
      | (?P<latin>[.!?．]+["'”’)\]」』）]*(?=\s|$))
      | (?P<blank>\n[ \t\u3000]*(?=\n))""",
    re.VERBOSE,
)
_ABBREVIATIONS = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "st",
        "vs",
        "etc",
        "e.g",
        "i.e",
        "cf",
        "fig",
        "figs",
        "no",
        "vol",
        "inc",
        "ltd",
        "co",
        "corp",
        "jr",
        "sr",
        "approx",
        "dept",
        "est",
        "al",
        "eq",
        "sec",
        "ch",
    ]
)
# a closing bracket of a quotation goes on when a particle follows: 「はい。」と言った。
_CONTINUES = re.compile(r"[とっ、はがをにのでもや]")


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Spans (start, end) of the sentences of a text, in characters, without the blanks around them.

    Enders inside brackets 「」 that a particle follows do not end a sentence, abbreviations,
    initials and decimals do not either; a blank line always does.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _END.finditer(text):
        if _ends_sentence(text, match):
            _add(spans, text, start, match.end())
            start = match.end()
    _add(spans, text, start, len(text))
    return spans


def _add(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    stripped = piece.strip()
    if stripped:
        first = start + len(piece) - len(piece.lstrip())
        spans.append((first, first + len(stripped)))


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    if match.lastgroup == "cjk":
        closed = match.group()[-1] in "」』）】”’"
        return not (closed and _CONTINUES.match(text, match.end()))
    if match.lastgroup == "latin" and match.group()[0] == ".":
        return not _abbreviated(text, match.start())
    return True


def _abbreviated(text: str, dot: int) -> bool:
    start = dot
    while start > 0 and dot - start < 12 and (text[start - 1].isalpha() or text[start - 1] == "."):  # noqa: PLR2004
        start -= 1
    word = text[start:dot]
    initial = len(word) == 1 and word.isupper() and word.isascii() and word != "I"
    return initial or word.lower() in _ABBREVIATIONS
