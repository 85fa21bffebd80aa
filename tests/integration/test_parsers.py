from __future__ import annotations

from collections.abc import Iterator

import pytest

from ryorin.adapters.parsers.formats import ParserLimits
from ryorin.adapters.parsers.parser import SandboxedParser
from ryorin.contexts.knowledge.errors import UnreadableDocument
from tests.malformed import Malformed, hostile_but_valid, malformed_files, sample_files


@pytest.fixture(scope="module")
def parser() -> Iterator[SandboxedParser]:
    parser = SandboxedParser(ParserLimits(seconds=20))
    yield parser
    parser.close()


@pytest.mark.parametrize("file", malformed_files(), ids=lambda file: file.name)
def test_a_broken_file_is_named_with_its_reason(parser: SandboxedParser, file: Malformed) -> None:
    with pytest.raises(UnreadableDocument) as refused:
        parser.parse(file.content, file.name, None)

    assert refused.value.detail.startswith(f"{file.name}: ")
    assert file.reason in refused.value.detail


@pytest.mark.parametrize("name", hostile_but_valid())
def test_hostile_parts_are_left_out(parser: SandboxedParser, name: str) -> None:
    content, there, not_there = hostile_but_valid()[name]

    text = parser.parse(content, name, None).text

    assert there in text
    assert not_there not in text


@pytest.mark.parametrize("name", sample_files())
def test_every_format_is_read_in_both_languages(parser: SandboxedParser, name: str) -> None:
    parsed = parser.parse(sample_files()[name], name, None)

    assert "The heron lives at the lake." in parsed.text
    assert "サギは湖に住んでいます" in parsed.text


def test_a_parser_that_is_killed_costs_one_file_only() -> None:
    parser = SandboxedParser(ParserLimits(seconds=0.0), processes=1)
    content = sample_files()["a.docx"]

    with pytest.raises(UnreadableDocument, match="took longer"):
        parser.parse(content, "a.docx", None)
    parser.close()
