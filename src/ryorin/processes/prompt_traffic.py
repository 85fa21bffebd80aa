"""Takes down what was given with prompts: counted, timed, and some of it stored (ADR-0033)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

from ryorin.contexts.answers.queries import Answer, AnswerQuestion, GroundingOptions, PromptUse
from ryorin.contexts.prompts.versions import PRODUCTION
from ryorin.contexts.traffic.ports import TrafficNotes
from ryorin.contexts.traffic.specs import ANY_DOCUMENT, AnswerSample, PromptAt, PromptTotals
from ryorin.kernel.errors import RyorinError
from ryorin.kernel.messages import Actor
from ryorin.kernel.ports import Clock, Ids, Telemetry
from ryorin.kernel.storable import storable

# said of answers of which nobody could make sure that nothing newer should have been seen
UNSURE = ("unverified", "behind")
MADE = ("miss", "bypass")


@dataclass(slots=True)
class Given:
    """A question that is being answered with a prompt, and what came of it."""

    asked: AnswerQuestion
    prompted: AnswerQuestion
    began: float = field(default_factory=perf_counter)
    answer: Answer | None = None
    milliseconds: float = 0.0

    def done(self, answer: Answer) -> None:
        """It is answered."""
        self.answer, self.milliseconds = answer, (perf_counter() - self.began) * 1000


class PromptTraffic:
    """Counts every answer given with a prompt, and stores those that chance picks."""

    def __init__(
        self, notes: TrafficNotes, clock: Clock, ids: Ids, random: Callable[[], float], telemetry: Telemetry
    ) -> None:
        self._telemetry = telemetry
        self._notes = notes
        self._clock = clock
        self._ids = ids
        self._random = random

    async def stored(self, asked: AnswerQuestion, actor: Actor) -> bool:
        """Whether chance picks the answer to a question, to be stored."""
        if asked.prompt is None:
            return False
        share = await self._notes.share(actor.org_id, asked.prompt.name, _label(asked.prompt))
        return share > 0 and self._random() < share

    @contextmanager
    def watching(
        self, asked: AnswerQuestion, prompted: AnswerQuestion, actor: Actor, *, stored: bool
    ) -> Iterator[Given]:
        """Count what comes of a question: that it is done, or that it failed.

        A user's mistake is nobody's failure, and whoever leaves before it is done has not been given anything.
        """
        given = Given(asked, prompted)
        try:
            yield given
        except RyorinError as error:
            if error.retryable:
                self._failed(given, actor)
            raise
        finally:
            # also of who leaves with the last piece
            if given.answer is not None and asked.prompt is not None:
                self._answered(given, given.answer, asked.prompt, actor, stored)

    def _failed(self, given: Given, actor: Actor) -> None:
        at = _at(given)
        if at is not None:
            self._notes.note(actor.org_id, at, PromptTotals(failed=1), (None,) * 4)

    def _answered(self, given: Given, answer: Answer, use: PromptUse, actor: Actor, stored: bool) -> None:
        at = _at(given)
        if at is None:
            return
        made = answer.cache in MADE
        usd = answer.usd if made else 0.0
        totals = PromptTotals(
            answers=1,
            cached=int(not made),
            stale=int(answer.cache == "stale" or any(part.endswith(UNSURE) for part in answer.degraded)),
            prompt_tokens=answer.usage.prompt_tokens if made else 0,
            completion_tokens=answer.usage.completion_tokens if made else 0,
            usd=usd,
        )
        question = _question(given.asked) or _question(given.prompted)
        self._notes.note(actor.org_id, at, totals, (given.milliseconds, usd * 1e6, len(question), len(answer.text)))
        if stored:
            self._notes.keep(actor.org_id, self._sample(given, answer, use, at, actor, usd))

    def _sample(
        self, given: Given, answer: Answer, use: PromptUse, at: PromptAt, actor: Actor, usd: float
    ) -> AnswerSample:
        grounding = given.prompted.grounding
        return AnswerSample(
            id=self._ids.new().hex,
            answer_id=answer.id,
            at=at,
            asked_at=self._clock.now(),
            question=_question(given.asked),
            messages=tuple((message.role, message.content) for message in given.prompted.messages),
            text=storable(answer.text),
            variables=use.variables,
            contexts=tuple(citation.quote for citation in answer.citations),
            collection=grounding.collection if grounding else None,
            documents=tuple(sorted({citation.document for citation in answer.citations})) or uncited(grounding),
            readers=actor.readers,
            milliseconds=given.milliseconds,
            usd=usd,
            model=answer.model,
            traceparent=self._telemetry.traceparent(),
        )


def _at(given: Given) -> PromptAt | None:
    use, used = given.asked.prompt, given.prompted.prompted
    if use is None or used is None:
        return None
    return PromptAt(used.name, used.version, _label(use))


def _label(use: PromptUse) -> str:
    return "" if use.version is not None else use.label or PRODUCTION


def uncited(grounding: GroundingOptions | None) -> tuple[str, ...]:
    """What an answer from documents quotes that cites none: it may be any of them, and is erased with any."""
    return () if grounding is None else (ANY_DOCUMENT,)


def _question(query: AnswerQuestion) -> str:
    return next((message.content for message in reversed(query.messages) if message.role == "user"), "")
