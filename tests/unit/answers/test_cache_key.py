from __future__ import annotations

from dataclasses import replace

import pytest

from ryorin.contexts.answers.domain.cache_key import cache_key
from ryorin.contexts.answers.queries import AnswerQuestion, ChatMessage, GroundingOptions, SamplingOptions
from ryorin.kernel.messages import Actor, OrgId

ACTOR = Actor(OrgId("a"), "someone", frozenset())
QUERY = AnswerQuestion(
    messages=(ChatMessage("user", "When?\nToday?"),), model="extractive", grounding=GroundingOptions("docs")
)


def test_white_space_around_and_line_ends_do_not_count() -> None:
    other = replace(QUERY, messages=(ChatMessage("user", "  When?\r\nToday? \n"),))

    assert cache_key(other, ACTOR) == cache_key(QUERY, ACTOR)


@pytest.mark.parametrize(
    "other",
    [
        replace(QUERY, messages=(ChatMessage("user", "When? Today?"),)),
        replace(QUERY, messages=(ChatMessage("user", "when?\nToday?"),)),
        replace(QUERY, messages=(ChatMessage("system", "Be brief."), *QUERY.messages)),
        replace(QUERY, model="smollm2"),
        replace(QUERY, grounding=GroundingOptions("other")),
        replace(QUERY, grounding=GroundingOptions("docs", top_k=6)),
        replace(QUERY, grounding=GroundingOptions("docs", tags=("x",))),
        replace(QUERY, sampling=SamplingOptions(temperature=0.1)),
    ],
)
def test_everything_an_answer_may_depend_on_counts(other: AnswerQuestion) -> None:
    assert cache_key(other, ACTOR) != cache_key(QUERY, ACTOR)


def test_organisations_never_share_a_key() -> None:
    assert cache_key(QUERY, replace(ACTOR, org_id=OrgId("b"))) != cache_key(QUERY, ACTOR)


def test_equal_texts_in_other_bytes_are_the_same_and_compatible_ones_are_not() -> None:
    def key(text: str) -> str:
        return cache_key(replace(QUERY, messages=(ChatMessage("user", text),)), ACTOR)

    assert key("が") == key("か\u3099")
    assert key("x²") != key("x2")
    assert key("ＡＢＣ") != key("ABC")


def test_what_stands_behind_the_alias_counts() -> None:
    assert cache_key(QUERY, ACTOR, "one") != cache_key(QUERY, ACTOR, "other")
