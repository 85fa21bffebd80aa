"""Texts of known source, as prose: what stands between headings, code and lists of documentation, and articles.

Documentation of four projects in two languages (a house of many writers, and of other translators), and articles of
encyclopaedias. A text is the beginning of a page, or of the passages of an article one after the other. Whoever wrote
is known by the house only: these are styles of houses, and a house is harder to tell than a person.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import corpora

FRONT = re.compile(r"\A---.*?\n---\n", re.S)
DROPPED = re.compile(r"```.*?```|~~~.*?~~~|<(style|script|svg).*?</\1>|<!--.*?-->|\{/\*.*?\*/\}", re.S)
PICTURE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)(?:\{[^}]*\})?")
CODE = re.compile(r"`[^`\n]*`")
TAG = re.compile(r"</?[A-Za-z][^>]*>|\{[^}\n]*\}|[*_]{1,3}")
NO_PROSE = re.compile(r"[#|<:/!>]|(?:import|export) |[-*+]\s|\d+\.\s")
SHORTEST = 30


@dataclass(frozen=True, slots=True)
class Text:
    """A text, the house that it is of, and where it stands."""

    house: str
    name: str
    text: str


def prose(markdown: str) -> str:
    """The paragraphs of a page."""
    bare = DROPPED.sub("\n", FRONT.sub("", markdown))
    for pattern, instead in ((PICTURE, ""), (LINK, r"\1"), (CODE, "X"), (TAG, "")):
        bare = pattern.sub(instead, bare)
    lines = ["" if NO_PROSE.match(line.strip()) else line.strip() for line in bare.splitlines()]
    found = re.split(r"\n{2,}", "\n".join(lines))
    return "\n\n".join(one.replace("\n", " ") for one in found if len(one) > SHORTEST)


def texts(folder: Path, language: str, length: int) -> Iterator[Text]:
    """A text of so many characters from each page and article that has them."""
    for name, markdown in corpora.pages(folder, language).items():
        found = prose(markdown)
        if len(found) >= length:
            yield Text(name.split("/")[2], name, found[:length])
    articles: dict[tuple[str, str], list[str]] = defaultdict(list)
    for kind in corpora.PASSAGES[language]:
        for row in corpora.rows(folder, kind):
            articles[kind.removeprefix("retrieval_").removesuffix("_passages"), row["title"]].append(row["text"])
    for (house, title), passages in articles.items():
        whole = "\n\n".join(passages)
        if len(whole) >= length:
            yield Text(house, f"{house}/{title}", whole[:length])
