"""Makes a question whole before it is answered: the stored prompt that it names goes before its messages.

What it becomes is what it is cached by: version and text are in the key, so a label that moves has no hits of the
version that it named before, and needs nothing to be invalidated (ADR-0020).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from ryorin.contexts.answers.queries import (
    EXPERTS,
    Answer,
    AnswerPart,
    AnswerQuestion,
    ChatMessage,
    PromptUsed,
    SamplingOptions,
)
from ryorin.contexts.prompts.queries import RenderPrompt
from ryorin.contexts.prompts.versions import PromptParameters, PromptReference
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Actor
from ryorin.processes.answer_question import AnswerQuestionProcess


class PreparedQuestions:
    """Handler of `AnswerQuestion`, whole (`answer`) and piece by piece (`stream`)."""

    def __init__(self, process: AnswerQuestionProcess, bus: Callable[[], QueryBus], default_model: str) -> None:
        self._process = process
        self._bus = bus
        self._default_model = default_model

    async def answer(self, query: AnswerQuestion, actor: Actor) -> Answer:
        """The whole answer; raises PromptNotFound, InvalidInput for a prompt's variables, and what answering raises."""
        return await self._process.answer(await self._prompted(query, actor), actor)

    async def stream(self, query: AnswerQuestion, actor: Actor) -> AsyncGenerator[AnswerPart, None]:
        """The answer in parts; raises as `answer`."""
        prompted = await self._prompted(query, actor)
        async with aclosing(self._process.stream(prompted, actor)) as parts:
            async for part in parts:
                yield part

    async def _prompted(self, query: AnswerQuestion, actor: Actor) -> AnswerQuestion:
        wanted = query.prompt
        if wanted is None:
            return query
        reference = PromptReference(wanted.name, wanted.label, wanted.version)
        rendered = await self._bus().ask(RenderPrompt(reference=reference, variables=wanted.variables), actor)
        said = tuple(ChatMessage(message.role, message.content) for message in rendered.messages)
        if not any(message.role == "user" for message in (*said, *query.messages)):
            raise InvalidInput(f"neither the messages nor the prompt {str(reference)!r} have a user message")
        model = query.model or rendered.parameters.model or self._default_model
        if model == EXPERTS and query.model != EXPERTS:
            raise InvalidInput(f"the prompt {str(reference)!r} names the model {EXPERTS!r}, which only a question may")
        return replace(
            query,
            messages=(*said, *query.messages),
            model=model,
            sampling=_sampling(query.sampling, rendered.parameters),
            prompt=None,
            prompted=PromptUsed(rendered.name, rendered.version),
        )


def _sampling(asked: SamplingOptions, given: PromptParameters) -> SamplingOptions:
    """What the question says, else what the prompt's version says."""
    return SamplingOptions(
        temperature=given.temperature if asked.temperature is None else asked.temperature,
        top_p=given.top_p if asked.top_p is None else asked.top_p,
        max_tokens=given.max_tokens if asked.max_tokens is None else asked.max_tokens,
        stop=asked.stop or given.stop,
        seed=given.seed if asked.seed is None else asked.seed,
    )
