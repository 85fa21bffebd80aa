"""What prompts require, in Japanese and English, and what an edit of one loses."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ryorin.contexts.evaluation.domain.intent import fulfilled, requirements
from ryorin.contexts.evaluation.domain.statements import contradicts, differs, negative, said, sentences, statements
from ryorin.contexts.evaluation.queries import DiffIntent, ExamineIntent
from ryorin.contexts.evaluation.read.examine_intent import NO_ANSWERS, NO_MODEL, IntentQueries
from ryorin.contexts.evaluation.specs import Answered, DatasetItem, Requirement, RequirementChange, Target
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
        ("You are a tutor.", [("fact", "tutor")]),
        ("JSON is a format.", [("fact", "format json")]),
        ("# Rules\n```\nReturn XML.\n```\n{{context}}\nNotes:\n- Return CSV.", [("format", "csv")]),
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


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Write formally and cite your sources.", ["Write formally", "cite your sources."]),
        ("Return code, without explanation.", ["Return code", "without explanation."]),
        ("Group by company and name of the owner.", ["Group by company and name of the owner."]),
        ("敬語を使い、三文以内で答えてください。", ["敬語を使い", "三文以内で答えてください。"]),
        ("150字以内で、断定を避けてください。", ["150字以内で", "断定を避けてください。"]),
        ("質問には、日本語で答えてください。", ["質問には、日本語で答えてください。"]),
    ],
)
def test_a_statement_says_one_thing(text: str, found: list[str]) -> None:
    assert statements(text) == found


def test_sentences_end_where_they_do() -> None:
    assert sentences('Use units, e.g. km. End with "All done?" Then stop.') == [
        "Use units, e.g. km.",
        'End with "All done?"',
        "Then stop.",
    ]
    assert sentences("「よろしいですか？」と聞いてください。終わりです。") == [
        "「よろしいですか？」と聞いてください。",
        "終わりです。",
    ]
    assert said("# 役割\n") == []


@pytest.mark.parametrize(
    ("text", "forbids"),
    [
        ("Never guess.", True),
        ("Don’t guess.", True),
        ("Never answer without a source.", False),
        ("Use no more than two sentences.", False),
        ("If you do not know, say so.", False),
        ("If you do not know, never guess.", True),
        ("Write for users, not for developers.", False),
        ('Include "no refunds".', False),
        ("推測しないでください。", True),
        ("必ず書いてください。", False),
        ("文書にない場合は、そう伝えてください。", False),
        ("公表していない数字に触れてはいけません。", True),
        ("敬語を使わなければなりません。", False),
        ("専門用語を使わず", True),
        ("理由は不要です。", True),
    ],
)
def test_what_forbids(text: str, forbids: bool) -> None:
    assert negative(text) is forbids


@pytest.mark.parametrize(
    ("first", "second", "apart"),
    [
        ("Use five examples.", "Use 5 examples.", False),
        ("Use five examples.", "Use ten examples.", True),
        ("見出しを三つ書く。", "見出しを3つ書く。", False),
        ("三時間以内。", "五時間以内。", True),
        ("Print a single line.", "Print one line.", False),
        ("Pay 10,000 yen.", "Pay 10000 yen.", False),
        ("Answer in French.", "Answer in German.", True),
        ("日本語で答える。", "Answer in Japanese.", False),
        ('Say "bye".', 'Say "farewell".', True),
        ("Don't open the customer's mail.", "Never open the mail of customers.", False),
        ("Link to https://example.com/a.", "Link to https://example.com/b.", True),
    ],
)
def test_what_must_not_differ(first: str, second: str, apart: bool) -> None:
    assert differs(first, second) is apart


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Cite sources.", "Do not cite sources."),
        ("Cite sources.", "Cite sources if possible."),
        ("根拠を書く。", "できれば根拠を書く。"),
        ("Warn before the step.", "Warn after the step."),
        ("警告は手順の前に置く。", "警告は手順のあとに置く。"),
        ("Use metric units.", "Use imperial units."),
    ],
)
def test_what_is_turned_or_weakened(first: str, second: str) -> None:
    assert contradicts(first, second) and not contradicts(first, first)


async def changed(before: str, after: str, **more: Any) -> tuple[RequirementChange, ...]:
    return await IntentQueries(more.pop("model", Model()), Trigrams()).diff(
        DiffIntent(before=before, after=after, **more), ADMIN
    )


async def test_an_edit_loses_changes_and_gains() -> None:
    before = "Summarise the report. Keep it under 200 words. Cite your sources. Ask for the order number."
    after = "In under 400 words, summarise the report. You must ask for the order number. Return JSON."
    told = {(one.change, (one.before or one.after).text) for one in await changed(before, after)}  # type: ignore[union-attr]

    assert told == {
        ("changed", "Keep it under 200 words."),
        ("lost", "Cite your sources."),
        ("gained", "Return JSON."),
    }
    (lost,) = [one for one in await changed(before, after) if one.change == "lost"]
    assert lost.told == "this edit lost requirement 3: 'Cite your sources.'" and lost.by == "rules"


async def test_an_edit_drops_one_of_several_or_asks_less_firmly() -> None:
    dropped = await changed("注文番号、氏名、住所を必ず確認してください。", "注文番号と住所を必ず確認してください。")
    assert dropped[0].before is not None and "氏名" in dropped[0].before.text
    assert (
        await changed("注文番号、氏名、住所を必ず確認してください。", "住所と氏名と注文番号を必ず確認してください。")
        == ()
    )
    (weaker,) = await changed("Reply in English.", "If possible, reply in English.")
    assert weaker.told == "requirement 1 is weaker: 'Reply in English.' became 'If possible, reply in English.'"


async def test_a_model_is_asked_about_what_is_in_other_words() -> None:
    before, after = "Use metric units. Be kind. Name the author.", "Be kind. Measure as they do in America."
    told = {
        "Use metric units.": '{"where": "Measure as they do in America.", "still": "no"}',
        "Name the author.": '{"where": "", "still": "fully"}',
    }

    class Reader(Model):
        async def judge(self, actor: object, model: str | None, instructions: str, text: str) -> str:
            wanted = text.split("\n")[1]
            self.asked.append(wanted)
            return told[wanted]

    model = Reader()
    found = await changed(before, after, model=model, judge="big")
    assert sorted(model.asked) == sorted(told)
    assert [(one.change, one.by) for one in found if one.before] == [("lost", "big")]
    told["Use metric units."] = '{"where": "as they do", "still": "partly"}'
    told["Name the author."] = "I cannot say."
    found = [one for one in await changed(before, after, model=model, judge="big") if one.before]
    assert [(one.change, one.by) for one in found] == [("changed", "big"), ("lost", "rules")]
    assert found[0].after is not None and found[0].after.text == "as they do"


@given(
    st.lists(st.sampled_from(["Reply in English.", "Cite your sources.", "三文以内で答えてください。", "Return JSON."]))
)
def test_the_same_in_another_order_is_the_same(parts: list[str]) -> None:
    assert asyncio.run(changed(" ".join(parts), " ".join(reversed(parts)))) == ()


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


class Trigrams:
    """Vectors by runs of three letters: what is spelled alike is alike."""

    async def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        made = np.zeros((len(texts), 512), dtype=np.float32)
        for row, text in zip(made, texts, strict=True):
            for at in range(len(text) - 1):
                row[zlib.crc32(text[at : at + 3].lower().encode()) % 512] += 1
        return made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-9)


INTENT = "Answers are polite. Use at most one sentence. Answer in English. Cite your sources."
PROMPT = "Be polite. Use at most one sentence. Answer in Japanese. Never give advice on investments."


async def test_a_prompt_is_held_against_its_intent() -> None:
    report = await IntentQueries(Model(), Trigrams()).examine(
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
    nothing = await IntentQueries(Model(), Trigrams()).examine(ExamineIntent(text=PROMPT, intent="{{intent}}"), ADMIN)
    assert (nothing.score, nothing.notes) == (None, (NO_ANSWERS,))


async def test_a_model_judges_what_rules_cannot() -> None:
    asked = ExamineIntent(text="Be polite.", intent="Be polite.", probes=("a", "b"), model="big", judge="big")
    for verdict, state, checked in (
        ('{"kept": false, "evidence": "Go away"}', "violated", 2),
        ('{"kept": true}', "stated", 2),
        ("It is polite.", "stated", 0),
    ):
        model = Model("Go away", verdict)
        (found,) = (await IntentQueries(model, Trigrams()).examine(asked, ADMIN)).findings
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
    report = await IntentQueries(model, Trigrams()).examine(asked, ADMIN)
    assert report.probes == ("a", "When do you open?", "Just answer, you fool!")
    assert sorted(model.asked) == sorted(report.probes) and report.findings[0].checked == 3
    assert report.notes == ("big made 2 of 3 inputs that could be read",)
    for wrong in ({"judge": None}, {"made": 51}):
        with pytest.raises(InvalidInput):
            replace(asked, **wrong).validate()  # type: ignore[arg-type]
