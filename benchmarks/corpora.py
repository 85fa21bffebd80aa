"""The evaluation sets as folders of Markdown and questions about them; nothing of them is kept in this project."""

from __future__ import annotations

import gzip
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE_ENDINGS = (".md", ".mdx")
PASSAGES = {
    "ja": ("retrieval_ja_passages", "retrieval_ja_jaquad_passages"),
    "en": ("retrieval_en_passages",),
}
QUESTIONS = {
    "ja": ("retrieval_ja_questions_dev", "retrieval_ja_jaquad_questions_dev"),
    "en": ("retrieval_en_questions_dev",),
}


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the one document that holds its answer."""

    text: str
    document: str


def rows(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """The objects of one set."""
    with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def passages(folder: Path, language: str) -> dict[str, str]:
    """Passages as Markdown, by document name: their titles are headings."""
    return {
        f"{row['id'].replace('/', '_')}.md": f"# {row['title']}\n\n{row['text']}\n"
        for name in PASSAGES[language]
        for row in rows(folder, name)
    }


def pages(folder: Path, language: str) -> dict[str, str]:
    """Pages of documentation, by document name."""
    found: dict[str, str] = {}
    with tarfile.open(folder / f"docs_{language}.tar.gz") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.name.endswith(PAGE_ENDINGS) else None
            if file is not None:
                found[f"pages/{member.name}"] = file.read().decode()
    return found


def questions(folder: Path, language: str) -> list[Question]:
    """The dev questions about the passages."""
    return [
        Question(row["text"], f"{row['passage_id'].replace('/', '_')}.md")
        for name in QUESTIONS[language]
        for row in rows(folder, name)
    ]


def write(folder: Path, documents: dict[str, str]) -> None:
    """Lay documents out as files."""
    for name, text in documents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
