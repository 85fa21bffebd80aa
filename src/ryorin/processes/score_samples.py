"""Scores stored answers by the metrics that objectives want of them (ADR-0033)."""

from __future__ import annotations

import logging

import numpy as np

from ryorin.contexts.evaluation.module import Scoring, tell
from ryorin.contexts.evaluation.specs import Answered, DatasetItem, Metric, MetricKind
from ryorin.contexts.traffic.ports import Objectives, SampleQueue
from ryorin.contexts.traffic.queries import ObjectiveView
from ryorin.contexts.traffic.specs import AnswerSample, SampleScore
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.messages import Actor, OrgId, Scope
from ryorin.kernel.ports import Telemetry
from ryorin.processes.semantic_hits import Embed

logger = logging.getLogger(__name__)

BATCH = 8
# judges are asked, and paid, in this name
SCORER = "service:objectives"
KINDS: dict[str, MetricKind] = {
    "hallucination": "hallucination",
    "style": "style",
    "regex": "regex",
    "json_schema": "json_schema",
    "judge": "judge",
}


def service(org_id: OrgId) -> Actor:
    """Who acts for an organisation's objectives."""
    return Actor(org_id, SCORER, frozenset({Scope.ANSWERS_READ, Scope.PROMPTS_WRITE}))


class SampleScorer:
    """Takes stored answers one after the other; what cannot be scored now is taken again later."""

    def __init__(
        self, queue: SampleQueue, objectives: Objectives, scoring: Scoring, embed: Embed, telemetry: Telemetry
    ) -> None:
        self._telemetry = telemetry
        self._queue = queue
        self._objectives = objectives
        self._scoring = scoring
        self._embed = embed

    async def work(self) -> None:
        """Score all that waits."""
        while leased := await self._queue.lease(BATCH):
            for one in leased:
                try:
                    await self._score(one.org_id, one.sample)
                except Unavailable as error:
                    logger.warning("a stored answer could not be scored: %s", error.detail)
                    if one.last:
                        await self._give_up(one.org_id, one.sample, error)

    async def _give_up(self, org_id: OrgId, sample: AnswerSample, error: Unavailable) -> None:
        wanted = [view for view in await self._objectives.all(org_id) if _is_for(view, sample)]
        failed = [
            SampleScore(view.name, "failed", None, error.detail) for view in wanted if view.spec.indicator == "quality"
        ]
        await self._queue.scored(org_id, sample.id, failed, None)

    async def _score(self, org_id: OrgId, sample: AnswerSample) -> None:
        wanted = [view for view in await self._objectives.all(org_id) if _is_for(view, sample)]
        scores = [await self._scored(org_id, view, sample) for view in wanted if view.spec.indicator == "quality"]
        vector = None
        if sample.question.strip() and any(view.spec.indicator == "drift" for view in wanted):
            found = await self._embed([sample.question], "passage")
            vector = np.asarray(found[0], dtype=np.float16).tobytes()
        await self._queue.scored(org_id, sample.id, scores, vector)

    async def _scored(self, org_id: OrgId, view: ObjectiveView, sample: AnswerSample) -> SampleScore:
        spec = view.spec
        assert spec.metric is not None  # objectives of quality have one
        metric = Metric(KINDS[spec.metric], spec.option, model=spec.judge)
        item = DatasetItem(sample.id, sample.asked, variables=sample.variables, context=sample.contexts)
        answered = Answered(sample.text, sample.contexts)
        parents = (sample.traceparent,) if sample.traceparent else ()
        with self._telemetry.span("objective.score", {"ryorin.objective": view.name}, parents) as span:
            score = await self._scoring.score(metric, item, answered, service(org_id))
            tell(span, metric.name, score)
        return SampleScore(view.name, score.outcome, score.value, score.detail)


def _is_for(view: ObjectiveView, sample: AnswerSample) -> bool:
    return (view.spec.prompt, view.spec.label) == (sample.at.prompt, sample.at.label)
