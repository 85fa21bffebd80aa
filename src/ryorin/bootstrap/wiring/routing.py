"""Wires routing: experts, gates and decisions on PostgreSQL, the embedding of questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ryorin.adapters.postgres.notifications import Channel
from ryorin.adapters.postgres.routing import PostgresDecisions, PostgresRoutingObjects, PostgresRoutings
from ryorin.bootstrap.wiring.foundation import Foundation
from ryorin.contexts.routing.experts import Example
from ryorin.contexts.routing.module import Ports, examples
from ryorin.entrypoints.services import ExampleKeeper
from ryorin.kernel.errors import Forbidden
from ryorin.kernel.messages import Actor, Scope
from ryorin.processes.semantic_hits import Embed


@dataclass(frozen=True, slots=True)
class QuestionEmbedding:
    """The `QuestionVectors` port on the default embedding, around the origin."""

    name: str
    work: Embed

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(texts, dimensions), each of length 1."""
        return await self.work(texts, "query")


@dataclass(frozen=True, slots=True)
class Routing:
    """What others use of routing."""

    ports: Ports
    decisions: PostgresDecisions
    keep_examples: ExampleKeeper


def build_routing(base: Foundation, embedding: str, embed: Embed) -> Routing:
    """Connect routing; `embedding` names the model behind `embed`."""
    routings = PostgresRoutings(base.pool)
    base.notifications.subscribe(Channel.EVICTIONS, routings.told)
    base.notifications.on_connection(routings.connection)
    decisions = PostgresDecisions(base.pool)
    objects = PostgresRoutingObjects(base.pool)

    async def keep_examples(actor: Actor, given: Sequence[Example]) -> str:
        if not actor.may(Scope.ADMIN):
            raise Forbidden(f"training needs the scope {Scope.ADMIN.value!r}, which this credential lacks")
        examples.check(given)
        return await objects.put(actor.org_id, examples.dump(given))

    ports = Ports(routings, objects, QuestionEmbedding(embedding, embed), decisions, decisions, base.ids)
    return Routing(ports, decisions, keep_examples)
