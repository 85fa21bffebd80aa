"""Wires the projections with their stores on PostgreSQL."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ryorin.adapters.onnx_e5.products import OnnxByteProducts
from ryorin.adapters.postgres.annotations import SCHEMA as QUEUES_SCHEMA
from ryorin.adapters.postgres.annotations import PostgresQueueRows
from ryorin.adapters.postgres.answers import PostgresAnswerRows
from ryorin.adapters.postgres.catalogue import SCHEMA as CATALOGUE_SCHEMA
from ryorin.adapters.postgres.catalogue import PostgresCatalogueRows
from ryorin.adapters.postgres.changed_chunks import PostgresChangedChunks
from ryorin.adapters.postgres.conversations import SCHEMA as CONVERSATIONS_SCHEMA
from ryorin.adapters.postgres.conversations import PostgresConversationRows
from ryorin.adapters.postgres.document_rows import SCHEMA as DOCUMENTS_SCHEMA
from ryorin.adapters.postgres.document_rows import PostgresDocumentRows
from ryorin.adapters.postgres.erasure import PostgresErasures
from ryorin.adapters.postgres.evaluation import SCHEMA as EVALUATION_SCHEMA
from ryorin.adapters.postgres.evaluation import PostgresEvaluationRows
from ryorin.adapters.postgres.files import SCHEMA as FILES_SCHEMA
from ryorin.adapters.postgres.files import PostgresFileRows
from ryorin.adapters.postgres.identity import SCHEMA as KEYS_SCHEMA
from ryorin.adapters.postgres.identity import PostgresKeyRows
from ryorin.adapters.postgres.objectives import SCHEMA as OBJECTIVES_SCHEMA
from ryorin.adapters.postgres.objectives import PostgresObjectiveRows
from ryorin.adapters.postgres.pool import Connection
from ryorin.adapters.postgres.projections import PostgresProjectionStore, Schema
from ryorin.adapters.postgres.prompts import SCHEMA as PROMPTS_SCHEMA
from ryorin.adapters.postgres.prompts import PostgresPromptRows
from ryorin.adapters.postgres.routing import SCHEMA as ROUTING_SCHEMA
from ryorin.adapters.postgres.routing import PostgresRoutingRows
from ryorin.adapters.postgres.search_rows import PostgresSearchRows
from ryorin.adapters.postgres.search_tables import search_schema
from ryorin.adapters.postgres.webhooks import SCHEMA as WEBHOOKS_SCHEMA
from ryorin.adapters.postgres.webhooks import PostgresWebhookRows
from ryorin.bootstrap.wiring.foundation import Foundation
from ryorin.contexts.annotation.module import QueuesProjection
from ryorin.contexts.conversations.module import ConversationsProjection
from ryorin.contexts.evaluation.module import EvaluationProjection
from ryorin.contexts.files.module import FilesProjection
from ryorin.contexts.gateway.module import CatalogueProjection
from ryorin.contexts.identity.module import KeysProjection
from ryorin.contexts.knowledge.embedding import EmbeddingEngine
from ryorin.contexts.knowledge.module import DocumentsProjection, SearchProjection
from ryorin.contexts.knowledge.pipeline import DEFAULT_EMBEDDING
from ryorin.contexts.prompts.module import PromptsProjection
from ryorin.contexts.routing.module import RoutingProjection
from ryorin.contexts.traffic.module import ObjectivesProjection
from ryorin.contexts.webhooks.module import WebhooksProjection
from ryorin.kernel.bus import CommandBus
from ryorin.kernel.projection import Projection, ProjectionRunner
from ryorin.processes.erase_documents import ErasureProjection
from ryorin.processes.keep_answers_fresh import FreshnessProjection
from ryorin.processes.tell_webhooks import WebhookTeller

logger = logging.getLogger(__name__)

# a search batch writes an HNSW index: small ones keep tokens and other readers of the log waiting less
SEARCH_BATCH = 16
BATCH = 100


@dataclass(frozen=True, slots=True)
class Projections:
    """Every projection's store and runner."""

    stores: dict[str, PostgresProjectionStore[Any]]
    runners: dict[str, ProjectionRunner[Any]]

    async def prepare(self) -> None:
        """Make what is not there, and rebuild what another version made: its rows would not fit any more."""
        for name, store in self.stores.items():
            await store.ensure()
            if await store.outdated():
                logger.warning("the read model %s was made by another version or model; it is rebuilt", name)
                # nobody feeds other stores yet: they follow when the server runs
                await self.runners[name].rebuild(settle=False)


def build_projections(
    base: Foundation, spaces: Mapping[str, EmbeddingEngine], bus: Callable[[], CommandBus]
) -> Projections:
    """All projections, each with its store; `spaces` are indexes' engines, `bus` is there once everything is built."""
    space = spaces[DEFAULT_EMBEDDING]
    stores: dict[str, PostgresProjectionStore[Any]] = {}
    runners: dict[str, ProjectionRunner[Any]] = {}

    def add(projection: Projection[Any], schema: Schema, rows: Callable[[Connection, int], Any], batch: int) -> None:
        store = PostgresProjectionStore(base.pool, projection.name, schema, rows)
        stores[projection.name] = store
        runners[projection.name] = ProjectionRunner(projection, store, base.events, base.telemetry, batch)

    model_id = space.model_id
    add(KeysProjection(), KEYS_SCHEMA, PostgresKeyRows, BATCH)
    add(CatalogueProjection(), CATALOGUE_SCHEMA, PostgresCatalogueRows, BATCH)
    add(FilesProjection(), FILES_SCHEMA, PostgresFileRows, BATCH)
    add(ConversationsProjection(), CONVERSATIONS_SCHEMA, PostgresConversationRows, BATCH)
    add(PromptsProjection(), PROMPTS_SCHEMA, PostgresPromptRows, BATCH)
    add(EvaluationProjection(), EVALUATION_SCHEMA, PostgresEvaluationRows, BATCH)
    add(ObjectivesProjection(), OBJECTIVES_SCHEMA, PostgresObjectiveRows, BATCH)
    add(WebhooksProjection(), WEBHOOKS_SCHEMA, PostgresWebhookRows, BATCH)
    add(QueuesProjection(), QUEUES_SCHEMA, PostgresQueueRows, BATCH)
    # it writes no rows; what it has sent is in the command log
    add(WebhookTeller(bus, base.clock), Schema("", ()), PostgresWebhookRows, BATCH)
    add(RoutingProjection(), ROUTING_SCHEMA, PostgresRoutingRows, BATCH)
    add(DocumentsProjection(), DOCUMENTS_SCHEMA, PostgresDocumentRows, BATCH)
    add(
        SearchProjection(),
        search_schema(space.dimensions, space.model_id),
        lambda connection, generation: PostgresSearchRows(connection, generation, model_id),
        SEARCH_BATCH,
    )
    chunks = PostgresChangedChunks(base.pool, [one.model_id for one in spaces.values()])
    # its rows are the cache itself, which has no generations
    add(FreshnessProjection(chunks, OnnxByteProducts()), Schema("", ()), PostgresAnswerRows, SEARCH_BATCH)
    add(ErasureProjection(), Schema("", ()), PostgresErasures, BATCH)
    return Projections(stores, runners)
