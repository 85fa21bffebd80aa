"""Answers that their sources bear out and answers that they do not, by the real embedding, in both languages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.contexts.evaluation.domain.faithfulness import abstains, sentences_of
from ryorin.contexts.evaluation.module import Scoring
from ryorin.contexts.evaluation.specs import Answered, DatasetItem, Metric, Score
from ryorin.contexts.knowledge.module import centred
from ryorin.kernel.errors import Unavailable
from tests.steps import ADMIN

EN = (
    "The office is at Harbour Street 4 since 2019. The office opens at nine and closes at half past five.",
    "Coffee is free for the staff. Guests pay 2 euros at the bar on the ground floor.",
)
JA = (
    "本社は2019年から港町四丁目にあります。営業時間は午前九時から午後五時半までです。",
    "社員はコーヒーを無料で飲めます。",
)


class Vectors:
    def __init__(self, engine: OnnxE5Engine) -> None:
        self._engine = centred(engine)

    async def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.asarray(self._engine.embed_passages(list(texts)), dtype=np.float32)


class Judge:
    """A model that says what a test tells it to."""

    def __init__(self, said: str = "") -> None:
        self.said = said
        self.asked: list[str] = []

    async def answer(self, *arguments: Any) -> Answered:
        raise Unavailable("nobody answers here")

    async def judge(self, actor: object, model: str | None, instructions: str, text: str) -> str:
        self.asked.append(text)
        return self.said


async def score(
    engine: OnnxE5Engine,
    contexts: tuple[str, ...],
    question: str,
    answer: str,
    judge: Judge | None = None,
) -> Score:
    scoring = Scoring(judge or Judge(), Vectors(engine), None, None, None, None, None)  # type: ignore[arg-type]  # neither schemas nor styles are looked at
    metric = Metric("hallucination", model="big" if judge else None)
    return await scoring.score(metric, DatasetItem("1", question), Answered(answer, contexts), ADMIN)


@pytest.mark.parametrize(
    ("contexts", "question", "right", "wrong"),
    [
        (EN, "When does the office open?", "The office opens at nine.", "The office opens at seven on Sundays."),
        (
            EN,
            "Where is the office?",
            "It is at Harbour Street 4.",
            "It is in Mill Lane, beside the old station.",
        ),
        (EN, "What do guests pay for coffee?", "2 euros", "five dollars"),
        (JA, "営業時間は何時からですか。", "午前九時からです。", "午前七時からで、日曜日は休みです。"),
        (JA, "本社はどこにありますか。", "港町四丁目にあります。", "大阪駅前の新しいビルにあります。"),
    ],
)
async def test_what_is_not_borne_out_is_doubted_more(
    engine: OnnxE5Engine, contexts: tuple[str, ...], question: str, right: str, wrong: str
) -> None:
    good, bad = await score(engine, contexts, question, right), await score(engine, contexts, question, wrong)

    assert good.value is not None and bad.value is not None
    assert good.value < 0.5 < bad.value
    # the numbers of citations claim nothing, and what announces an answer does not
    assert (await score(engine, contexts, question, f"{right} [1] [2, 3]")).value == pytest.approx(good.value)
    announced = await score(engine, contexts, question, f"From the documents:\n{right}")
    assert announced.value is not None and announced.value < 0.5
    # one bad sentence among good ones spoils the answer
    both = await score(engine, contexts, question, f"{right} {wrong}")
    assert both.value is not None and both.value > good.value
    assert wrong.split("。", maxsplit=1)[0][:10] in both.detail


@pytest.mark.parametrize(
    "answer", ["I don't know.", "The sources: this is not stated.", "分かりません。", "記載がありません。", "…"]
)
async def test_an_answer_that_claims_nothing_is_neither_right_nor_wrong(engine: OnnxE5Engine, answer: str) -> None:
    assert abstains(answer)
    assert (await score(engine, EN, "When?", answer)).outcome == "abstained"
    assert (await score(engine, (), "When?", "At nine.")).outcome == "abstained"


async def test_a_judge_is_asked_only_where_it_is_open(engine: OnnxE5Engine) -> None:
    judge = Judge('{"score": 0, "reason": "not there"}')
    clear = await score(engine, EN, "When does the office open?", "The office opens at nine.", judge)
    assert (clear.value or 1) < 0.3 and judge.asked == []


def test_sentences() -> None:
    text = "九時です。「はい！」 At 2.5 m. It is: yes\n\n- no?"
    assert sentences_of(text) == ["九時です。", "「はい！", "」 At 2.5 m.", "It is:", "yes", "- no?"]
