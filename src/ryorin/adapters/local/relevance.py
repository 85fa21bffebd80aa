"""The trained relevance model that ships with Ryorin (made by `make bench-rerank-training`, ADR-0008)."""

from __future__ import annotations

from importlib.resources import files

import msgspec

from ryorin.contexts.knowledge.domain.relevance import FEATURES, RelevanceModel


class _Stored(msgspec.Struct):
    weights: dict[str, float]
    bias: float


def shipped_relevance_model() -> RelevanceModel:
    """The model of `relevance.json`; its provenance stands beside the weights."""
    stored = msgspec.json.decode((files(__package__) / "relevance.json").read_bytes(), type=_Stored)
    return RelevanceModel(tuple(stored.weights[name] for name in FEATURES), stored.bias)
