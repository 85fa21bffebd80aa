"""Queries about what answers were made from."""

from __future__ import annotations

from ryorin.contexts.answers.errors import AnswerNotFound
from ryorin.contexts.answers.provenance import AnswerUse, GetProvenance, ListAnswersUsing, ProvenanceView
from ryorin.contexts.answers.read.ports import AnswerLedger
from ryorin.kernel.messages import Actor


class ProvenanceQueries:
    """One method per query, all on the ledger."""

    def __init__(self, ledger: AnswerLedger) -> None:
        self._ledger = ledger

    async def provenance(self, query: GetProvenance, actor: Actor) -> ProvenanceView:
        view = await self._ledger.provenance(actor, query.id)
        if view is None:
            raise AnswerNotFound(f"there is no cached answer {query.id!r}, or it was forgotten")
        return view

    async def using(self, query: ListAnswersUsing, actor: Actor) -> tuple[AnswerUse, ...]:
        return await self._ledger.using(actor, query.collection, query.document, query.limit)
