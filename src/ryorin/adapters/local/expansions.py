"""Expansions of questions asked lately, in this process's memory."""

from __future__ import annotations

from cachebox import TTLCache

from ryorin.contexts.knowledge.expansion import Expansion

MAX_KEPT = 10_000
# long enough for a busy hour; a better model should not be kept waiting for days
TTL_SECONDS = 3600.0
# a question that nothing came of is not put to a model again at once
NOTHING_SECONDS = 60.0


class MemoryExpansions:
    """The `KeptExpansions` port of `processes/expand_query.py`."""

    def __init__(self) -> None:
        self._kept: TTLCache[str, Expansion] = TTLCache(MAX_KEPT, TTL_SECONDS)
        self._nothing: TTLCache[str, Expansion] = TTLCache(MAX_KEPT, NOTHING_SECONDS)

    def get(self, key: str) -> Expansion | None:
        """An expansion that was kept."""
        return self._kept.get(key) or self._nothing.get(key)

    def put(self, key: str, expansion: Expansion) -> None:
        """Keep an expansion."""
        kept = self._kept if expansion.variants else self._nothing
        kept[key] = expansion
