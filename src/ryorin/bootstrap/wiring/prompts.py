"""Wires prompts: on PostgreSQL, remembered until somebody changes them."""

from __future__ import annotations

from ryorin.adapters.postgres.notifications import Channel
from ryorin.adapters.postgres.prompts import PostgresPrompts
from ryorin.bootstrap.wiring.foundation import Foundation


def remembered_prompts(base: Foundation) -> PostgresPrompts:
    """Prompts as this process reads them."""
    prompts = PostgresPrompts(base.pool)
    base.notifications.subscribe(Channel.EVICTIONS, prompts.told)
    base.notifications.on_connection(prompts.connection)
    return prompts
