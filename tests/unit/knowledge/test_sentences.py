from __future__ import annotations

import pytest

from ryorin.contexts.knowledge.domain.sentences import split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("一つ目。二つ目！三つ目？", ["一つ目。", "二つ目！", "三つ目？"]),
        ("「はい。」と言った。次。", ["「はい。」と言った。", "次。"]),  # a particle goes on after the quotation
        ("「終わった。」彼は去った。", ["「終わった。」", "彼は去った。"]),
        ("Dr. Sato pays 3.14 yen, e.g. here. Done.", ["Dr. Sato pays 3.14 yen, e.g. here.", "Done."]),
        ("J. R. Smith left. I stayed.", ["J. R. Smith left.", "I stayed."]),
        ("no end\n\nnew paragraph", ["no end", "new paragraph"]),
        ("   ", []),
    ],
)
def test_sentences_end_where_readers_think_so(text: str, sentences: list[str]) -> None:
    assert [text[start:end] for start, end in split_sentences(text)] == sentences
