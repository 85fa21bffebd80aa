from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ryorin.contexts.knowledge.domain.chunking import ChunkLimits, chunk_document
from ryorin.contexts.knowledge.domain.parsed import ParsedDocument

PIECES = st.sampled_from(
    [
        "# Title\n",
        "## 節\n",
        "\n",
        "\n\n",
        "A sentence here. ",
        "日本語の文です。",
        "```\ncode\n",
        "```\n",
        "| a | b |\n",
        "- item\n",
        "1. one\n",
        "word ",
        "Dr. X. ",
        "🎉",
        "---\n",
        "===\n",
        "\t",
        "\r\n",
        "　",
        "長" * 50,
        "x" * 90,
        "#",
        "\u2028",
    ]
)
TEXTS = st.lists(PIECES, max_size=60).map("".join)


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.floats(5, 60), st.floats(1, 3))
@example("\t---\n---\n# Title\n", 30.0, 2.0)
def test_chunks_are_ordered_bounded_and_complete(text: str, target: float, factor: float) -> None:
    limits = ChunkLimits(target, target * factor)

    chunks = chunk_document(ParsedDocument(text, None, "text/markdown", None), limits)

    source = text.encode()
    end = 0
    for number, chunk in enumerate(chunks):
        assert chunk.ordinal == number
        assert chunk.start_byte >= end
        assert source[chunk.start_byte : chunk.end_byte].decode() == chunk.text
        assert chunk.text.strip() == chunk.text != ""
        assert not source[end : chunk.start_byte].decode().strip() or (end == 0 and text.startswith("---"))
        end = chunk.end_byte
    assert not chunks or not source[end:].decode().strip()
