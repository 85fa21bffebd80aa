"""How texts are written, whatever they are about, in Japanese and English."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryorin.contexts.evaluation.domain.genome import MIN_SAMPLES, genome_of, measured
from ryorin.contexts.evaluation.domain.style import HABITS, fingerprint, language_of, masked
from ryorin.kernel.errors import InvalidInput

# the same of two things, in two ways each: content and style are crossed
TOPICS_JA = (("図書館", "本", "司書", "棚"), ("水族館", "魚", "飼育員", "水槽"), ("郵便局", "手紙", "局員", "窓口"))
POLITE = (
    "{0}では、新しい{1}を毎週ご案内しています。どうぞお気軽に{2}までお声がけください。{3}のそばには椅子もございますので、"
    "ゆっくりとご覧いただけます。お子さまと一緒にいらっしゃる場合は、入口でお知らせくださいね。それでは、お待ちしております。"
)
PLAIN = (
    "{0}に新しい{1}が入るのは毎週である。詳しいことは{2}が知っている。{3}の近くに椅子がある。しかし長居をする者は少ない。"
    "理由は単純だ。人が多すぎるのである。朝のうちなら空いている。なお、子どもを連れた者は入口で断られることがある。"
)
TOPICS_EN = (("library", "books", "shelf"), ("aquarium", "fish", "tank"), ("bakery", "loaves", "oven"))
CHATTY = (
    "Hey, so here's the thing about our {0}: you'll love it! We've got new {1} every week, and you don't even need to "
    "ask. Just walk up to the {2} and take a look. Isn't that great? If you can't find what you're after, let us know! "
)
FORMAL = (
    "The {0} receives new {1} on a weekly basis; visitors are not required to enquire in advance. The {2}, which was "
    "installed in the previous year, is located near the entrance, and it may be inspected by anyone admitted. "
)


def japanese(form: str, topic: int) -> str:
    return "".join(form.format(*TOPICS_JA[topic]) for _ in range(3))


def english(form: str, topic: int) -> str:
    return "".join(form.format(*TOPICS_EN[topic]) for _ in range(6))


@pytest.mark.parametrize(
    ("write", "one", "other"), [(japanese, POLITE, PLAIN), (english, CHATTY, FORMAL)], ids=["ja", "en"]
)
def test_a_change_of_topic_changes_no_style(write, one: str, other: str) -> None:  # type: ignore[no-untyped-def]
    genome = genome_of([write(one, number % 2) + write(one, number % 2) for number in range(MIN_SAMPLES)])

    same_style_other_topic = measured(write(one, 2) * 2, genome)
    other_style_same_topic = measured(write(other, 0) * 2, genome)
    assert same_style_other_topic.same is not None and other_style_same_topic.same is not None
    assert same_style_other_topic.same > 0.5 > other_style_same_topic.same
    assert same_style_other_topic.likelihood_ratio > 1 > other_style_same_topic.likelihood_ratio  # type: ignore[operator]


def test_content_is_masked() -> None:
    assert masked("図書館では3冊のカタログをFastAPIで読みます。", "ja") == "*では#*の+を@で*みます。"
    assert masked("The big cats weren't sleeping quietly, said I.", "en") == "the * **s ** ***ing **ly, ** i."
    assert language_of("The word 花 alone") == "en"
    assert language_of("FastAPI を使います") == "ja"


def test_habits() -> None:
    polite, plain = fingerprint(japanese(POLITE, 0)).habits, fingerprint(japanese(PLAIN, 0)).habits
    assert polite["politeness"] > 0.8 > plain["politeness"]
    assert plain["plainness"] > polite["plainness"]
    chatty, formal = fingerprint(english(CHATTY, 0)).habits, fingerprint(english(FORMAL, 0)).habits
    for name in ("exclamations", "questions", "contractions", "second_person"):
        assert chatty[name] > formal[name]
    assert formal["readability"] > chatty["readability"] and formal["passive"] > chatty["passive"]


def test_of_what_is_too_short_nothing_is_said() -> None:
    genome = genome_of([english(CHATTY, 0)] * MIN_SAMPLES)
    for text in ("Short.", japanese(POLITE, 0)):
        found = measured(text, genome)
        assert found.same is None and found.likelihood_ratio is None and found.abstained
    for samples, told in (
        ([english(CHATTY, 0)] * 4, "5-500 samples"),
        (["Short."] * 5, "sample 1 has 6 characters"),
        ([*[english(CHATTY, 0)] * 4, japanese(POLITE, 0)], "two languages"),
    ):
        with pytest.raises(InvalidInput, match=told):
            genome_of(samples)


@given(st.text(max_size=300))
def test_any_text_has_a_fingerprint(text: str) -> None:
    made = fingerprint(text)

    assert made.habits.keys() == set(HABITS)
    assert all(math.isfinite(value) for value in made.habits.values())
    assert measured(text).same is None
