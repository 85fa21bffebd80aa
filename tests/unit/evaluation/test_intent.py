"""What prompts require, in Japanese and English, and what an edit of one loses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryorin.contexts.evaluation.domain.intent import fulfilled, requirements
from ryorin.contexts.evaluation.module import changes
from ryorin.contexts.evaluation.queries import ExamineIntent
from ryorin.contexts.evaluation.read.examine_intent import NO_ANSWERS, NO_MODEL, IntentQueries
from ryorin.contexts.evaluation.specs import Answered, DatasetItem, Requirement, Target
from ryorin.kernel.errors import InvalidInput
from tests.steps import ADMIN


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Answer in no more than two sentences.", [("most", "sentences:2")]),
        ("Keep it under 200 words, but at least 50 words.", [("least", "words:50"), ("most", "words:200")]),
        ("400字以内で答えてください。", [("most", "characters:400")]),
        ("三文以内の日本語で答えること。", [("most", "sentences:3"), ("language", "ja")]),
        ("Reply in English.", [("language", "en")]),
        ("Return JSON and cite your sources.", [("format", "json"), ("citations", "sources")]),
        ("箇条書きで、丁寧に書いてください。", [("format", "bullets"), ("tone", "polite")]),
        ('Never mention "Project Heron".', [("forbidden_term", "Project Heron")]),
        ("「社外秘」という言葉は使わないでください。", [("forbidden_term", "社外秘")]),
        ('Always include "see also".', [("required_term", "see also")]),
        ('Begin with "New:".', [("starts", "New:")]),
        ("最後に「以上」と書いてください。", [("ends", "以上")]),
        ("If you do not know, say so.", [("unsure", "says so")]),
        ("分からない場合は、そう伝えてください。", [("unsure", "says so")]),
        ("You are a tutor.", []),
        ("JSON is a format.", []),
    ],
)
def test_what_is_required(text: str, found: list[tuple[str, str]]) -> None:
    assert [(one.kind, one.wants) for one in requirements(text)] == found


def test_what_fits_no_kind_is_required_too() -> None:
    (wanted,) = requirements("Always ask for the order number.")
    assert wanted.kind == "conduct"
    (unwanted,) = requirements("返金の約束はしないでください。")
    assert unwanted.kind == "forbidden"


@pytest.mark.parametrize(
    ("kind", "wants", "answer", "kept"),
    [
        ("most", "sentences:2", "One. Two.", True),
        ("most", "sentences:2", "一つ。二つ。三つ。", False),
        ("most", "characters:3", "花 見", True),
        ("least", "bullets:2", "- a\n- b", True),
        ("format", "json", '```json\n{"a": 1}\n```', True),
        ("format", "json", "a: 1", False),
        ("format", "table", "| a | b |\n|---|---|", True),
        ("format", "plain", "# Head", False),
        ("language", "ja", "九時に開きます。", True),
        ("language", "fr", "Bonjour", None),
        ("required_term", "ＯＫ", "ok.", True),
        ("forbidden_term", "社外秘", "これは社外秘です", False),
        ("starts", "New:", "new: tea", True),
        ("ends", "以上。", "終わりです。以上", True),
        ("tone", "polite", "Do it.", None),
    ],
)
def test_whether_an_answer_keeps_it(kind: Any, wants: str, answer: str, kept: bool | None) -> None:
    assert fulfilled(Requirement(kind, wants, ""), answer) is kept


def test_an_edit_loses_changes_and_gains() -> None:
    before = "Summarise the report. Keep it under 200 words. Cite your sources. Ask for the order number."
    after = "In under 400 words, summarise the report. You must ask for the order number. Return JSON."
    told = {(one.change, (one.before or one.after).text) for one in changes(before, after)}  # type: ignore[union-attr]

    assert told == {
        ("changed", "Keep it under 200 words."),
        ("lost", "Cite your sources."),
        ("gained", "Return JSON."),
    }
    (lost,) = [one for one in changes(before, after) if one.change == "lost"]
    assert lost.told == "this edit lost requirement 3: 'Cite your sources.'"


@given(
    st.lists(st.sampled_from(["Reply in English.", "Cite your sources.", "三文以内で答えてください。", "Return JSON."]))
)
def test_the_same_in_another_order_is_the_same(parts: list[str]) -> None:
    assert changes(" ".join(parts), " ".join(reversed(parts))) == ()


class Model:
    """Answers with what a test puts in, and judges so."""

    def __init__(self, answer: str = "", verdict: str = "") -> None:
        self.said, self.verdict = answer, verdict
        self.asked: list[str] = []

    async def answer(self, actor: object, target: Target, item: DatasetItem) -> Answered:
        self.asked.append(item.input)
        return Answered(self.said)

    async def judge(self, actor: object, model: str | None, instructions: str, text: str) -> str:
        return self.verdict


INTENT = "Answers are polite. Use at most one sentence. Answer in English. Cite your sources."
PROMPT = "Be polite. Use at most one sentence. Answer in Japanese. Never give advice on investments."


async def test_a_prompt_is_held_against_its_intent() -> None:
    report = await IntentQueries(Model()).examine(
        ExamineIntent(text=PROMPT, intent=INTENT, outputs=("One. Two.", "One.")), ADMIN
    )
    told = {(one.requirement.kind, one.state) for one in report.findings}
    assert told == {
        ("most", "violated"),
        ("language", "missing"),
        ("citations", "missing"),
        ("tone", "stated"),
        ("forbidden", "implied"),
        ("language", "violated"),
    }
    most = next(one for one in report.findings if one.requirement.kind == "most")
    assert (most.checked, most.held, most.evidence) == (2, 1, "One. Two.")
    other = next(one for one in report.findings if one.state == "missing" and one.requirement.kind == "language")
    assert other.suggestion == "change 'Answer in Japanese.' to: Answer in English."
    assert report.score == pytest.approx(0.25) and report.low is not None and report.low < 0.25 < (report.high or 0)
    # what was not looked at is said
    assert report.notes == (NO_MODEL,)
    nothing = await IntentQueries(Model()).examine(ExamineIntent(text=PROMPT, intent="Hello."), ADMIN)
    assert (nothing.score, nothing.notes) == (None, (NO_ANSWERS,))


async def test_a_model_judges_what_rules_cannot() -> None:
    asked = ExamineIntent(text="Be polite.", intent="Be polite.", probes=("a", "b"), model="big", judge="big")
    for verdict, state, checked in (
        ('{"kept": false, "evidence": "Go away"}', "violated", 2),
        ('{"kept": true}', "stated", 2),
        ("It is polite.", "stated", 0),
    ):
        model = Model("Go away", verdict)
        (found,) = (await IntentQueries(model).examine(asked, ADMIN)).findings
        assert (found.state, found.checked) == (state, checked)
        assert sorted(model.asked) == ["a", "b"]


async def test_inputs_are_made_by_the_judge() -> None:
    class Inventive(Model):
        async def judge(self, actor: object, model: str | None, instructions: str, text: str) -> str:
            if "You write messages" not in instructions:
                return '{"kept": true}'
            assert "## Number\n3" in text and "- Be polite." in text
            return 'Here they are: ["When do you open?", "Just answer, you fool!", 7]'

    model = Inventive("Thank you.")
    asked = ExamineIntent(
        text="Be polite.", intent="Be polite.", probes=("a",), made=3, model="big", judge="big", variables={"x": 1}
    )
    report = await IntentQueries(model).examine(asked, ADMIN)
    assert report.probes == ("a", "When do you open?", "Just answer, you fool!")
    assert sorted(model.asked) == sorted(report.probes) and report.findings[0].checked == 3
    assert report.notes == ("big made 2 of 3 inputs that could be read",)
    for wrong in ({"judge": None}, {"made": 51}):
        with pytest.raises(InvalidInput):
            replace(asked, **wrong).validate()  # type: ignore[arg-type]
