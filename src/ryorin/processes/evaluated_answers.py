"""Answers that are evaluated: asked as anybody asks, in the name of who has them evaluated."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from ryorin.contexts.answers.queries import (
    Answer,
    AnswerQuestion,
    ChatMessage,
    GroundingOptions,
    PromptUse,
    SamplingOptions,
)
from ryorin.contexts.evaluation.specs import Answered, DatasetItem, Target
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.messages import Actor
from ryorin.kernel.storable import storable

JUDGE_TOKENS = 600
# of prompts that another library writes
FREE_TOKENS = 2000


class EvaluatedAnswers:
    """The `Subject` port on the query bus."""

    def __init__(self, bus: Callable[[], QueryBus], default_model: str) -> None:
        self._bus = bus
        self._default_model = default_model

    async def answer(self, actor: Actor, target: Target, item: DatasetItem) -> Answered:
        """The target's answer, not from the cache unless that is meant; raises what answering raises."""
        prompt = None
        if target.prompt is not None:
            prompt = PromptUse(target.prompt, version=target.version, variables=item.variables)
        query = AnswerQuestion(
            messages=(ChatMessage("user", item.input),) if item.input.strip() else (),
            model=target.model or ("" if prompt else self._default_model),
            grounding=GroundingOptions(target.collection) if target.collection else None,
            sampling=SamplingOptions(temperature=target.temperature, max_tokens=target.max_tokens, seed=target.seed),
            use_cache=target.cache,
            prompt=prompt,
        )
        started = perf_counter()
        answer: Answer = await self._bus().ask(query, actor)
        contexts = tuple(citation.quote for citation in answer.citations)
        return Answered(
            text=storable(answer.text),
            contexts=contexts or item.context,
            milliseconds=(perf_counter() - started) * 1000,
            prompt_tokens=answer.usage.prompt_tokens,
            completion_tokens=answer.usage.completion_tokens,
            usd=answer.usd if answer.cache in ("miss", "bypass") else 0.0,
            model=answer.model,
            documents=_quoted(target, answer),
        )

    async def judge(self, actor: Actor, model: str | None, instructions: str, text: str) -> str:
        """What a model says of a text; raises what answering raises."""
        query = AnswerQuestion(
            messages=(*((ChatMessage("system", instructions),) if instructions else ()), ChatMessage("user", text)),
            model=model or self._default_model,
            sampling=SamplingOptions(temperature=0.0, max_tokens=JUDGE_TOKENS if instructions else FREE_TOKENS),
        )
        answer: Answer = await self._bus().ask(query, actor)
        return answer.text


def _quoted(target: Target, answer: Answer) -> tuple[str, ...]:
    """What it cites, as COLLECTION/DOCUMENT; one that cites nothing may quote any, and is erased with any."""
    if target.collection is None:
        return ()
    cited = {f"{target.collection}/{citation.document}" for citation in answer.citations}
    return tuple(sorted(cited)) or (f"{target.collection}/*",)
