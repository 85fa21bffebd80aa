"""Wires prompts: on PostgreSQL, remembered until somebody changes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ryorin.adapters.jinja.templates import JinjaTemplates
from ryorin.adapters.postgres.notifications import Channel
from ryorin.adapters.postgres.prompts import PostgresPrompts
from ryorin.bootstrap.wiring.foundation import Foundation
from ryorin.contexts.prompts import module as prompts
from ryorin.contexts.prompts.queries import SimilarPrompts
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.messages import Actor, Query
from ryorin.processes.semantic_hits import Embed
from ryorin.processes.similar_prompts import SimilarPromptsProcess


def prompt_handlers(
    base: Foundation, bus: Callable[[], QueryBus], embed: Embed
) -> dict[type[Query[Any]], Callable[[Any, Actor], Any]]:
    """Who answers what is asked about prompts."""
    return {
        **prompts.query_handlers(remembered_prompts(base), JinjaTemplates()),
        SimilarPrompts: SimilarPromptsProcess(bus, embed),
    }


def remembered_prompts(base: Foundation) -> PostgresPrompts:
    """Prompts as this process reads them."""
    prompts = PostgresPrompts(base.pool)
    base.notifications.subscribe(Channel.EVICTIONS, prompts.told)
    base.notifications.on_connection(prompts.connection)
    return prompts
