"""How texts are written, whatever they are about, in Japanese and English."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryorin.adapters.taggers.parts_of_speech import PartsOfSpeech
from ryorin.contexts.evaluation.domain.genome import MIN_SAMPLES, genome_of, measured
from ryorin.contexts.evaluation.domain.style import HABITS, fingerprint, language_of, masked
from ryorin.contexts.evaluation.domain.style_words import in_words
from ryorin.kernel.errors import InvalidInput
from tests.style_samples import CHATTY, FORMAL, PLAIN, POLITE, english, japanese

TAGGER = PartsOfSpeech()


def _habits(text: str) -> Mapping[str, float]:
    return fingerprint(text, TAGGER).habits


@pytest.mark.parametrize(
    ("write", "one", "other"), [(japanese, POLITE, PLAIN), (english, CHATTY, FORMAL)], ids=["ja", "en"]
)
def test_a_change_of_topic_changes_no_style(write, one: str, other: str) -> None:  # type: ignore[no-untyped-def]
    genome = genome_of([write(one, number % 2) + write(one, number % 2) for number in range(MIN_SAMPLES)], TAGGER)

    same_style_other_topic = measured(write(one, 2) * 2, TAGGER, genome)
    other_style_same_topic = measured(write(other, 0) * 2, TAGGER, genome)
    assert same_style_other_topic.same is not None and other_style_same_topic.same is not None
    assert same_style_other_topic.same > 0.5 > other_style_same_topic.same
    assert same_style_other_topic.likelihood_ratio > 1 > other_style_same_topic.likelihood_ratio  # type: ignore[operator]


def test_content_is_masked() -> None:
    assert masked("図書館では3冊のカタログをFastAPIで読みます。", "ja") == "*では#*の+を@で*みます。"
    assert masked("The big cats weren't sleeping quietly, said I.", "en") == "the * **s ** ***ing **ly, ** i."
    assert language_of("The word 花 alone") == "en"
    assert language_of("FastAPI を使います") == "ja"


def test_habits() -> None:
    polite, plain = _habits(japanese(POLITE, 0)), _habits(japanese(PLAIN, 0))
    assert polite["politeness"] > 0.8 > plain["politeness"]
    assert plain["plainness"] > polite["plainness"]
    chatty, formal = _habits(english(CHATTY, 0)), _habits(english(FORMAL, 0))
    for name in ("exclamations", "questions", "contractions", "second_person"):
        assert chatty[name] > formal[name]
    assert formal["readability"] > chatty["readability"] and formal["passive"] > chatty["passive"]


def test_of_what_is_too_short_nothing_is_said() -> None:
    genome = genome_of([english(CHATTY, 0)] * MIN_SAMPLES, TAGGER)
    for text in ("Short.", japanese(POLITE, 0)):
        found = measured(text, TAGGER, genome)
        assert found.same is None and found.likelihood_ratio is None and found.abstained
    for samples, told in (
        ([english(CHATTY, 0)] * 4, "5-500 samples"),
        (["Short."] * 5, "sample 1 has 6 characters"),
        ([*[english(CHATTY, 0)] * 4, japanese(POLITE, 0)], "two languages"),
    ):
        with pytest.raises(InvalidInput, match=told):
            genome_of(samples, TAGGER)


def test_a_style_of_another_version_is_measured_by_its_habits_alone() -> None:
    earlier = dataclasses.replace(genome_of([english(CHATTY, 0)] * MIN_SAMPLES, TAGGER), features=0, centre=(0.1, 0.2))

    found = measured(english(FORMAL, 1), TAGGER, earlier)
    assert found.same is None and found.likeness is None and "put it again" in str(found.abstained)
    assert found.deviations["readability"] > 0 and not found.parts


@pytest.mark.parametrize(
    ("write", "one", "other", "told"),
    [
        (japanese, POLITE, PLAIN, "見本よりです・ます調が少ない（0、見本は"),
        (english, CHATTY, FORMAL, "sentences are longer than in the samples ("),
    ],
)
def test_what_deviates_is_said_in_the_language_of_the_text(write, one, other, told: str) -> None:  # type: ignore[no-untyped-def]
    genome = genome_of([write(one, number % 3) * 2 for number in range(MIN_SAMPLES)], TAGGER)

    found = measured(write(other, 0) * 2, TAGGER, genome)
    assert any(words.startswith(told) for words in found.told), found.told
    assert found.told == in_words(found.language, found.deviations, found.habits, genome.habits)


@pytest.mark.parametrize("sample", [japanese(POLITE, 0) * 2, english(CHATTY, 0)])
def test_samples_that_are_all_alike_make_no_giants_of_what_deviates(sample: str) -> None:
    genome = genome_of([sample] * MIN_SAMPLES, TAGGER)

    other = japanese(PLAIN, 1) * 2 if genome.language == "ja" else english(FORMAL, 1)
    found = measured(other, TAGGER, genome)
    assert 1 < max(map(abs, found.deviations.values())) < 50
    assert max(map(abs, measured(sample, TAGGER, genome).deviations.values())) == 0


def test_every_habit_has_words_in_a_language_that_has_it() -> None:
    only_japanese = {"plainness", "nouns_at_end", "kanji", "katakana"}
    flat = dict.fromkeys(HABITS, 1.0)
    assert len(in_words("en", flat, flat, flat)) == len(HABITS) - len(only_japanese)
    assert len(in_words("ja", flat, flat, flat)) == len(HABITS) - len({"contractions"})
    assert in_words("ja", dict.fromkeys(HABITS, 0.9), flat, flat) == ()


def test_parts_of_speech_that_deviate_are_told() -> None:
    genome = genome_of([japanese(POLITE, number % 3) * 2 for number in range(MIN_SAMPLES)], TAGGER)

    found = measured(japanese(PLAIN, 0) * 2, TAGGER, genome)
    assert len(found.parts) == 5 and all(len(name.split()) == 2 for name in found.parts)
    assert max(map(abs, found.parts.values())) > 1
    own = measured(japanese(POLITE, 0) * 2, TAGGER, genome)
    assert max(map(abs, own.parts.values())) < max(map(abs, found.parts.values()))


@given(st.text(max_size=300))
def test_any_text_has_a_fingerprint(text: str) -> None:
    made = fingerprint(text, TAGGER)

    assert made.habits.keys() == set(HABITS)
    assert all(math.isfinite(value) for value in made.habits.values())
    assert measured(text, TAGGER).same is None
