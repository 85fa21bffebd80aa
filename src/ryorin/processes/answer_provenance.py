"""Writes down what an answer is made from: its context, and what a newcomer must have to change it."""

from __future__ import annotations

from collections.abc import Sequence

from ryorin.contexts.answers.provenance import ContextChunk, ProbeBound, Provenance
from ryorin.contexts.answers.queries import AnswerQuestion
from ryorin.contexts.knowledge.queries import Candidate, ContextProbe, SearchResult
from ryorin.kernel.codec import to_json


def provenance_of(query: AnswerQuestion, result: SearchResult | None) -> Provenance:
    """The provenance of an answer to a question, made from what a search found (None: from no documents)."""
    request = {
        "model": query.model,
        "prompt": to_json(query.prompted),
        "sampling": to_json(query.sampling),
        "grounding": to_json(query.grounding),
    }
    scopes = tuple(scope.value for scope in query.needs())
    if result is None:
        return Provenance(request=request, scopes=scopes)
    context = tuple(
        ContextChunk(hit.chunk_id, hit.document, hit.version, hit.ordinal, round(hit.score, 6)) for hit in result.hits
    )
    probe = result.probe
    return Provenance(context, _bounds(probe), probe.pool or probe.top_k, request, scopes, probe.readers)


def _bounds(probe: ContextProbe) -> tuple[ProbeBound, ...]:
    dense = [
        ProbeBound("dense", variant, probe.model_id, len(entries), probe.list_limit, _floor(entries, probe.list_limit))
        for variant, entries in enumerate(probe.dense)
    ]
    floor = _floor(probe.lexical, probe.list_limit)
    return (*dense, ProbeBound("lexical", 0, None, len(probe.lexical), probe.list_limit, floor))


def _floor(entries: Sequence[Candidate], limit: int) -> float | None:
    return round(entries[-1].score, 6) if len(entries) >= limit else None
