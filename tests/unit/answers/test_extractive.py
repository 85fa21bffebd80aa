from __future__ import annotations

from ryorin.contexts.answers.domain.extractive import ExtractiveAnswerer, readable
from ryorin.contexts.answers.domain.passages import Passage
from ryorin.contexts.knowledge.domain.lexical import analyse
from ryorin.contexts.knowledge.domain.sentences import split_sentences


def passage(number: int, text: str, heading: str = "") -> Passage:
    return Passage(number, f"doc{number}", 1, f"Document {number}", (heading,) if heading else (), text, 0, 1, 0.1)


ANSWERER = ExtractiveAnswerer(split_sentences, analyse)
PASSAGES = [
    passage(1, "The office has plants. The office opens at nine. Coffee is free."),
    passage(2, "図書館は月曜日に休館します。図書館は駅の前にあります。"),
]


def test_the_sentence_that_answers_is_chosen_and_cited() -> None:
    extract = ANSWERER.answer("When does the office open?", PASSAGES)

    assert "The office opens at nine. [1]" in extract.text
    assert [citation.document for citation in extract.citations] == ["doc1"]


def test_japanese_questions_are_answered_in_japanese() -> None:
    extract = ANSWERER.answer("図書館の休館日は何曜日ですか？", PASSAGES)

    assert extract.text == "文書からの抜粋です。\n図書館は月曜日に休館します。 [2]"


def test_what_the_documents_do_not_say_is_not_answered() -> None:
    extract = ANSWERER.answer("Which quantum chromodynamics lattice spacing converges?", PASSAGES)

    assert not extract.found
    assert extract.citations == ()
    assert "do not say" in extract.text


def test_no_passages_give_an_honest_no() -> None:
    assert "見つかりません" in ANSWERER.answer("何ですか？", []).text


def test_markdown_is_read_without_its_marks() -> None:
    assert readable("# Head\n\nSee **[the guide](http://x)** {#anchor}.").strip() == "See the guide ."
