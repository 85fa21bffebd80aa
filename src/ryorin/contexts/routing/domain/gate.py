"""A trained gate: from a question's vector to calibrated weights of experts; and how it is trained."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from ryorin.contexts.routing.domain.features import features
from ryorin.contexts.routing.domain.network import (
    Floats,
    Labels,
    Layers,
    fit_temperature,
    prototypes,
    softmax,
    train_layers,
)
from ryorin.contexts.routing.domain.quality import auroc, calibration_error, macro_f1
from ryorin.contexts.routing.domain.scope import ScopeRule, fit_scope, signs
from ryorin.contexts.routing.experts import GateQuality

# of the examples, for calibration and for evaluation
CALIBRATED, EVALUATED = 0.1, 0.1
# in scope, if this is as likely as not
THRESHOLD = 0.5
MIN_EXAMPLES = 8
SEED = 20261121
NONE = -1

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Gate:
    """Everything that decides; `labels` are the experts."""

    labels: tuple[str, ...]
    layers: Layers
    temperature: float
    centres: Floats
    scope: ScopeRule

    def decide(self, vectors: Floats, texts: Sequence[str]) -> tuple[Floats, Floats]:
        """Weights (questions, experts) that sum to 1, and for each question that any expert is for it."""
        logits = self.layers.logits(features(vectors, texts))
        inside = self.scope.probability(signs(logits, vectors, self.centres))
        return softmax(logits / np.float32(self.temperature)), inside

    def dump(self) -> bytes:
        """As bytes that `load` understands."""
        arrays = {f"layers_{one.name}": getattr(self.layers, one.name) for one in fields(Layers)}
        arrays |= {f"scope_{name}": getattr(self.scope, name) for name in ("mean", "spread", "weights")}
        numbers = np.array([self.temperature, self.scope.bias], dtype=np.float64)
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer, labels=np.array(self.labels, dtype=np.str_), numbers=numbers, centres=self.centres, **arrays
        )
        return buffer.getvalue()

    @classmethod
    def load(cls, content: bytes) -> Gate:
        """What `dump` wrote; nothing in it is executed."""
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            temperature, bias = stored["numbers"].tolist()
            return cls(
                tuple(stored["labels"].tolist()),
                Layers(**{one.name: stored[f"layers_{one.name}"] for one in fields(Layers)}),
                temperature,
                stored["centres"],
                ScopeRule(stored["scope_mean"], stored["scope_spread"], stored["scope_weights"], bias),
            )


@dataclass(frozen=True, slots=True)
class Material:
    """Examples as numbers; a label of -1 is for no expert."""

    vectors: Floats
    texts: tuple[str, ...]
    labels: Labels

    def only(self, which: Labels) -> Material:
        """Some of them."""
        return Material(self.vectors[which], tuple(self.texts[at] for at in which.tolist()), self.labels[which])


def train(
    material: Material, names: Sequence[str], active: Gate | None = None, progress: Progress = lambda *_: None
) -> tuple[Gate, GateQuality]:
    """A gate trained on all examples, and how one trained on four fifths of them decides about a fifth that it has
    not seen (a tenth of them set temperature and scope, another tenth judges)."""
    fitted, calibrated, judged = _split(material.labels)
    first = fit(
        material.only(fitted), material.only(calibrated), names, lambda done, of: progress("evaluating", done, of)
    )
    seen = material.only(judged)
    quality = evaluate(first, seen, len(material.texts), material.only(fitted), active)
    whole = material.only(np.sort(np.concatenate([fitted, calibrated, judged])))
    layers = _layers(whole, len(names), lambda done, of: progress("training", done, of))
    inside = whole.labels >= 0
    centres = prototypes(whole.vectors[inside], whole.labels[inside], len(names), SEED)
    # temperature and scope from the first: of its own examples a network is too certain
    return Gate(tuple(names), layers, first.temperature, centres, first.scope), quality


def fit(
    fitted: Material,
    calibrated: Material,
    names: Sequence[str],
    report: Callable[[int, int], None] = lambda done, of: None,
) -> Gate:
    """A gate whose network has seen `fitted`, with temperature and scope by `calibrated`."""
    layers = _layers(fitted, len(names), report)
    inside = fitted.labels >= 0
    centres = prototypes(fitted.vectors[inside], fitted.labels[inside], len(names), SEED)
    logits = layers.logits(features(calibrated.vectors, calibrated.texts))
    known = calibrated.labels >= 0
    seen = signs(logits, calibrated.vectors, centres)
    # what is for nobody is of no use to the network: all of it is for the scope
    away = fitted.only(np.flatnonzero(~inside))
    outside = signs(layers.logits(features(away.vectors, away.texts)), away.vectors, centres)
    temperature = fit_temperature(logits[known], calibrated.labels[known])
    return Gate(
        tuple(names), layers, temperature, centres, fit_scope(seen[known], np.concatenate([seen[~known], outside]))
    )


def _layers(material: Material, classes: int, report: Callable[[int, int], None]) -> Layers:
    inside = np.flatnonzero(material.labels >= 0)
    chosen = material.only(inside)
    return train_layers(features(chosen.vectors, chosen.texts), chosen.labels, classes, SEED, report)


def evaluate(gate: Gate, seen: Material, examples: int, fitted: Material, active: Gate | None = None) -> GateQuality:
    """How a gate decides about examples it has not seen, beside nearest centroids and the gate that is active."""
    weights, inside = gate.decide(seen.vectors, seen.texts)
    known = seen.labels >= 0
    predicted, wanted = weights[known].argmax(axis=1), seen.labels[known]
    return GateQuality(
        examples=examples,
        held_out=len(seen.texts),
        accuracy=_share(predicted == wanted),
        macro_f1=macro_f1(predicted, wanted),
        calibration_error=calibration_error(weights[known], wanted) if known.any() else 0.0,
        out_of_scope_auroc=auroc(inside[known], inside[~known]) if known.any() and not known.all() else None,
        centroid_accuracy=_share(nearest_centroid(fitted, seen.vectors[known]) == wanted),
        active_accuracy=_accuracy_of(active, gate.labels, seen.only(np.flatnonzero(known))) if active else None,
    )


def _accuracy_of(active: Gate, names: Sequence[str], seen: Material) -> float:
    """Of the active gate, which may know other experts."""
    weights, _ = active.decide(seen.vectors, seen.texts)
    said = [active.labels[at] for at in weights.argmax(axis=1).tolist()]
    return _share(np.array([one == names[label] for one, label in zip(said, seen.labels.tolist(), strict=True)]))


def nearest_centroid(fitted: Material, vectors: Floats) -> Labels:
    """The class whose mean is nearest, by cosine: what a gate has to beat."""
    present = np.unique(fitted.labels[fitted.labels >= 0])
    means = np.stack([fitted.vectors[fitted.labels == one].mean(axis=0) for one in present])
    means = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    nearest: Labels = present[(vectors @ means.T).argmax(axis=1)]
    return nearest


def _share(right: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> float:
    return float(right.mean()) if len(right) else 0.0


def _split(labels: Labels) -> tuple[Labels, Labels, Labels]:
    """To fit, to calibrate and to judge: by class, so that each has its share; a small class is there to fit first."""
    dice = np.random.default_rng(SEED)
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for one in np.unique(labels):
        members = dice.permutation(np.flatnonzero(labels == one))
        judged = round(EVALUATED * len(members)) or int(len(members) >= 3)  # noqa: PLR2004 - one for each part
        calibrated = round(CALIBRATED * len(members)) or int(len(members) >= 3)  # noqa: PLR2004
        parts[2].extend(members[:judged].tolist())
        parts[1].extend(members[judged : judged + calibrated].tolist())
        parts[0].extend(members[judged + calibrated :].tolist())
    fitted, kept, seen = (np.array(sorted(part), dtype=np.int64) for part in parts)
    return fitted, kept, seen
