"""Makes a question whole before it is answered: the stored prompt that it names, and the conversation that it is in.

What it becomes is what it is cached by: version and text are in the key, so a label that moves has no hits of the
version that it named before, and needs nothing to be invalidated (ADR-0020).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from ryorin.contexts.answers.queries import (
    EXPERTS,
    Answer,
    AnswerPart,
    AnswerQuestion,
    ChatMessage,
    PromptUse,
    PromptUsed,
    SamplingOptions,
)
from ryorin.contexts.prompts.queries import RenderPrompt
from ryorin.contexts.prompts.versions import PromptParameters, PromptReference
from ryorin.kernel.bus import QueryBus, authorised
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Actor
from ryorin.processes.answer_question import AnswerQuestionProcess
from ryorin.processes.conversations import ConversationMemory, Recalled
from ryorin.processes.freshness_check import FreshnessCheck
from ryorin.processes.prompt_traffic import PromptTraffic

# the log could not be asked whether the label was moved
UNVERIFIED = "prompt:unverified"


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A question as it is answered, the conversation that it is in, and what could not be made sure of."""

    query: AnswerQuestion
    recalled: Recalled | None = None
    degraded: tuple[str, ...] = ()
    stored: bool = False


class PreparedQuestions:
    """Handler of `AnswerQuestion`, whole (`answer`) and piece by piece (`stream`)."""

    def __init__(
        self,
        process: AnswerQuestionProcess,
        bus: Callable[[], QueryBus],
        check: FreshnessCheck,
        conversations: ConversationMemory,
        traffic: PromptTraffic,
        default_model: str,
    ) -> None:
        self._process = process
        self._bus = bus
        self._check = check
        self._conversations = conversations
        self._traffic = traffic
        self._default_model = default_model

    async def answer(self, query: AnswerQuestion, actor: Actor) -> Answer:
        """The whole answer; raises PromptNotFound, ConversationNotFound, InvalidInput, and what answering raises."""
        if query.prompt is None and query.conversation is None:
            return await self._process.answer(query, actor)
        prepared = await self._prepared(query, actor)
        with self._traffic.watching(query, prepared.query, actor, stored=prepared.stored) as given:
            answer = await self._finished(prepared, actor, await self._process.answer(prepared.query, actor))
            given.done(answer)
        return answer

    async def stream(self, query: AnswerQuestion, actor: Actor) -> AsyncGenerator[AnswerPart, None]:
        """The answer in parts; raises as `answer`."""
        plain = query.prompt is None and query.conversation is None
        prepared = _Prepared(query) if plain else await self._prepared(query, actor)
        with self._traffic.watching(query, prepared.query, actor, stored=prepared.stored) as given:
            async with aclosing(self._process.stream(prepared.query, actor)) as parts:
                async for part in parts:
                    if part.answer is None:
                        yield part
                    else:
                        answer = await self._finished(prepared, actor, part.answer)
                        given.done(answer)
                        yield replace(part, answer=answer)

    async def _prepared(self, query: AnswerQuestion, actor: Actor) -> _Prepared:
        prepared, recalled = query, None
        degraded: tuple[str, ...] = ()
        if query.prompt is not None:
            prepared, degraded = await self._prompted(query, query.prompt, actor)
        if query.conversation is not None:
            prepared, recalled = await self._conversations.recalled(prepared, query.messages, actor)
        if not prepared.model:
            prepared = replace(prepared, model=self._default_model)
        # what was added may ask for more than what was sent
        authorised(actor, prepared)
        prepared.validate()
        return _Prepared(prepared, recalled, degraded, await self._traffic.stored(query, actor))

    async def _finished(self, prepared: _Prepared, actor: Actor, answer: Answer) -> Answer:
        if prepared.degraded:
            answer = replace(answer, degraded=(*answer.degraded, *prepared.degraded))
        if prepared.recalled is None:
            return answer
        return await self._conversations.remembered(prepared.recalled, prepared.query, actor, answer)

    async def _prompted(
        self, query: AnswerQuestion, wanted: PromptUse, actor: Actor
    ) -> tuple[AnswerQuestion, tuple[str, ...]]:
        """The question with its prompt, and what could not be made sure."""
        # a label that was moved is meant as it stands now, also by who has no token
        strict = query.cache.freshness in (None, "strict") and wanted.version is None
        sure = not strict or await self._check.up_to_date(actor.org_id, wanted.name)
        reference = PromptReference(wanted.name, wanted.label, wanted.version)
        ask = RenderPrompt(reference=reference, variables=wanted.variables)
        rendered = await self._bus().ask(ask, actor)
        checked = {wanted.name}
        # the same holds for labels of the prompts that it takes in, which are known only now
        while query.cache.freshness in (None, "strict") and (more := set(rendered.takes_in) - checked):
            told = [await self._check.up_to_date(actor.org_id, name) for name in sorted(more)]
            sure, checked = sure and all(told), checked | more
            rendered = await self._bus().ask(ask, actor)
        said = tuple(ChatMessage(message.role, message.content) for message in rendered.messages)
        if not any(message.role == "user" for message in (*said, *query.messages)):
            raise InvalidInput(f"neither the messages nor the prompt {str(reference)!r} have a user message")
        model = query.model or rendered.parameters.model or ""
        if model == EXPERTS and query.model != EXPERTS:
            raise InvalidInput(f"the prompt {str(reference)!r} names the model {EXPERTS!r}, which only a question may")
        prompted = replace(
            query,
            messages=(*said, *query.messages),
            model=model,
            sampling=_sampling(query.sampling, rendered.parameters),
            prompt=None,
            prompted=PromptUsed(rendered.name, rendered.version),
        )
        return prompted, () if sure else (UNVERIFIED,)


def _sampling(asked: SamplingOptions, given: PromptParameters) -> SamplingOptions:
    """What the question says, else what the prompt's version says."""
    return SamplingOptions(
        temperature=given.temperature if asked.temperature is None else asked.temperature,
        top_p=given.top_p if asked.top_p is None else asked.top_p,
        max_tokens=given.max_tokens if asked.max_tokens is None else asked.max_tokens,
        stop=asked.stop or given.stop,
        seed=given.seed if asked.seed is None else asked.seed,
    )
