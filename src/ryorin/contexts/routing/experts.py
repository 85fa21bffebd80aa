"""What an expert is, and what is known of a gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ExpertSpec:
    """A model with a system prompt and collections. `prompt` names a stored one: NAME, NAME@LABEL or NAME@NUMBER;
    `adapter` one of the model's (LoRA), by its server's name for it.

    `description` says what it is for: without a trained gate it decides what comes here. `general` takes what no
    expert is for.
    """

    model: str
    description: str
    system: str = ""
    collections: tuple[str, ...] = ()
    general: bool = False
    prompt: str = ""
    adapter: str = ""


@dataclass(frozen=True, slots=True)
class Expert:
    """An expert by its name."""

    name: str
    spec: ExpertSpec


@dataclass(frozen=True, slots=True)
class GateQuality:
    """How a gate decides on examples that it was not trained on.

    `calibration_error` is the expected calibration error (15 bins), `out_of_scope_auroc` None when there were no such
    examples; `active_accuracy` is that of the gate that was active, on the same examples.
    """

    examples: int
    held_out: int
    accuracy: float
    macro_f1: float
    calibration_error: float
    out_of_scope_auroc: float | None = None
    centroid_accuracy: float = 0.0
    active_accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class GateVersion:
    """A trained gate: whose experts it knows, by which embedding, and how well it decides."""

    version: int
    experts: tuple[str, ...]
    embedding: str
    content_hash: str
    examples_hash: str
    quality: GateQuality


@dataclass(frozen=True, slots=True)
class Example:
    """A question and the expert that it is for; None: for none of them."""

    text: str
    expert: str | None


@dataclass(frozen=True, slots=True)
class RoutingDecision:
    """What a gate says of a question: calibrated weights of the best experts, greatest first.

    `in_scope` is the probability that any expert is for it. `version` is None without a trained gate: the weights are
    then likenesses to descriptions, and not calibrated.
    """

    id: str
    version: int | None
    weights: Mapping[str, float]
    in_scope: float
    out_of_scope: bool
    stages: Mapping[str, float] = field(default_factory=dict)
