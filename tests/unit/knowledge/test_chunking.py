from __future__ import annotations

from ryorin.contexts.knowledge.domain.chunking import ChunkLimits, chunk_document
from ryorin.contexts.knowledge.domain.parsed import ParsedDocument


def chunks_of(text: str, **limits: float):  # type: ignore[no-untyped-def]  # a shorthand of these tests
    document = ParsedDocument(text, None, "text/markdown", None)
    return chunk_document(document, ChunkLimits(**limits) if limits else None)


def test_a_chunk_keeps_the_path_of_headings_above_it() -> None:
    chunks = chunks_of("# 規則\n\n総則。\n\n## 営業時間\n\n九時に開きます。\n\n# Other\n\nText.\n")

    assert [chunk.heading_path for chunk in chunks] == [("規則",), ("規則", "営業時間"), ("Other",)]


def test_offsets_lead_back_to_the_source() -> None:
    text = "# 見出し\n\n日本語の文。English sentence. 絵文字🎉も。\n"

    for chunk in chunks_of(text):
        assert text.encode()[chunk.start_byte : chunk.end_byte].decode() == chunk.text


def test_a_heading_with_nothing_below_it_goes_with_its_child() -> None:
    chunks = chunks_of("# A\n\n## B\n\ntext\n")

    assert [(chunk.heading_path, chunk.text) for chunk in chunks] == [(("A", "B"), "# A\n\n## B\n\ntext")]


def test_code_and_tables_that_fit_stay_whole() -> None:
    code = "```python\nx = 1\n\n# not a heading\ny = 2\n```"
    table = "| a | b |\n|---|---|\n| 1 | 2 |"

    texts = [chunk.text for chunk in chunks_of(f"# T\n\n{code}\n\n{table}\n", target=8, maximum=60)]

    assert any(code in text for text in texts)
    assert any(table in text for text in texts)


def test_an_edit_in_one_section_leaves_the_chunks_of_all_others_alone() -> None:
    sections = [f"## Section {number}\n\n" + f"Sentence {number} of many. " * 30 for number in range(6)]
    before = {chunk.text for chunk in chunks_of("\n\n".join(sections))}
    sections[2] = "## Section 2\n\nShort now."

    after = {chunk.text for chunk in chunks_of("\n\n".join(sections))}

    assert after - before == {"## Section 2\n\nShort now."}


def test_front_matter_is_not_a_chunk_of_text() -> None:
    assert [chunk.text for chunk in chunks_of("---\ntitle: x\n---\n\nBody.\n")] == ["Body."]
