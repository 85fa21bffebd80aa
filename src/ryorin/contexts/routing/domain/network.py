"""The gating network: a linear layer beside a hidden one, prototypes of each expert, and a decision about scope.

Trained in seconds to minutes on a processor: Adam with decoupled weight decay (Loshchilov and Hutter, 2019) and a
cosine schedule, noise on the inputs, dropout and label smoothing, which together are worth two points of accuracy over
a linear probe (`make bench-gate`). Weights are calibrated by a temperature (Guo et al., 2017). Whether any expert is
for a question is decided by a logistic regression over the network's certainty and the likeness to prototypes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

LEARNING_RATE = 2e-3
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
EPOCHS, MIN_STEPS, MAX_STEPS = 60, 400, 4800
BATCH, MIN_BATCH = 128, 16
PROTOTYPES, PROTOTYPE_ROUNDS = 4, 10
TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained: hidden units, their dropout, noise on standardised inputs, smoothing of labels and
    decay of weights."""

    hidden: int = 512
    dropout: float = 0.5
    noise: float = 0.3
    smoothing: float = 0.1
    decay: float = 1e-4


STANDARD = Recipe()


@dataclass(frozen=True, slots=True)
class Layers:
    """Weights of the network on standardised inputs."""

    mean: Floats
    spread: Floats
    skip: Floats
    hidden: Floats
    hidden_bias: Floats
    out: Floats
    bias: Floats

    def logits(self, rows: Floats) -> Floats:
        """Scores (rows, classes), not yet calibrated."""
        inputs = ((rows - self.mean) / self.spread).astype(np.float32)
        activations = np.maximum(inputs @ self.hidden + self.hidden_bias, 0)
        scores: Floats = (inputs @ self.skip + activations @ self.out + self.bias).astype(np.float32)
        return scores


def train_layers(
    rows: Floats,
    labels: Labels,
    classes: int,
    seed: int,
    report: Callable[[int, int], None] = lambda done, of: None,
    recipe: Recipe = STANDARD,
) -> Layers:
    """Fit the network; `report` is told steps done and steps in all."""
    dice = np.random.default_rng(seed)
    mean, spread = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-4)
    inputs = ((rows - mean) / spread).astype(np.float32)
    width = inputs.shape[1]
    weights = [
        np.zeros((width, classes), dtype=np.float32),
        dice.normal(0, np.sqrt(2 / width), (width, recipe.hidden)).astype(np.float32),
        np.zeros(recipe.hidden, dtype=np.float32),
        dice.normal(0, np.sqrt(1 / max(1, recipe.hidden)), (recipe.hidden, classes)).astype(np.float32),
        np.zeros(classes, dtype=np.float32),
    ]
    adam = _Adam(weights, recipe.decay)
    batch = int(np.clip(len(inputs) // 20, MIN_BATCH, BATCH))
    steps = int(np.clip(EPOCHS * len(inputs) / batch, MIN_STEPS, MAX_STEPS))
    order = np.zeros(0, dtype=np.int64)
    for step in range(steps):
        if len(order) < batch:
            order = np.concatenate([order, dice.permutation(len(inputs))])
        chosen, order = order[:batch], order[batch:]
        noise = dice.standard_normal((len(chosen), width), dtype=np.float32)
        noisy = inputs[chosen] + np.float32(recipe.noise) * noise
        rate = LEARNING_RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
        adam.step(_gradients(weights, noisy, labels[chosen], dice, recipe), rate)
        if step % 100 == 0:
            report(step, steps)
    skip, hidden, hidden_bias, out, bias = weights
    return Layers(mean.astype(np.float32), spread.astype(np.float32), skip, hidden, hidden_bias, out, bias)


def _gradients(
    weights: Sequence[Floats], inputs: Floats, labels: Labels, dice: np.random.Generator, recipe: Recipe
) -> list[Floats]:
    skip, hidden, hidden_bias, out, bias = weights
    before = inputs @ hidden + hidden_bias
    stay = dice.random(before.shape, dtype=np.float32) >= recipe.dropout
    kept = stay.astype(np.float32) / np.float32(1 - recipe.dropout)
    activations = np.maximum(before, 0) * kept
    slope = softmax(inputs @ skip + activations @ out + bias)
    slope[np.arange(len(labels)), labels] -= 1 - recipe.smoothing
    slope = ((slope - recipe.smoothing / slope.shape[1]) / len(labels)).astype(np.float32)
    back = (slope @ out.T) * kept * (before > 0)
    return [inputs.T @ slope, inputs.T @ back, back.sum(axis=0), activations.T @ slope, slope.sum(axis=0)]


class _Adam:
    """Adam with decoupled weight decay."""

    def __init__(self, weights: Sequence[Floats], decay: float) -> None:
        self._weights = weights
        self._decay = decay
        self._first = [np.zeros_like(one) for one in weights]
        self._second = [np.zeros_like(one) for one in weights]
        self._steps = 0

    def step(self, gradients: Sequence[Floats], rate: float) -> None:
        """Change the weights."""
        self._steps += 1
        first_share, second_share = 1 - BETA1**self._steps, 1 - BETA2**self._steps
        for weight, gradient, first, second in zip(self._weights, gradients, self._first, self._second, strict=True):
            first += (1 - BETA1) * (gradient - first)
            second += (1 - BETA2) * (gradient * gradient - second)
            change = (first / first_share) / (np.sqrt(second / second_share) + EPSILON) + self._decay * weight
            weight -= (rate * change).astype(np.float32)


def softmax(logits: Floats) -> Floats:
    """Probabilities along the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: Floats = (shifted / shifted.sum(axis=-1, keepdims=True)).astype(np.float32)
    return probabilities


def fit_temperature(logits: Floats, labels: Labels) -> float:
    """The temperature with the least negative log-likelihood; 1 without examples."""
    if not len(labels):
        return 1.0
    candidates = np.exp(np.linspace(np.log(0.05), np.log(10), 200))
    losses = [
        -np.log(softmax(logits / np.float32(one))[np.arange(len(labels)), labels] + TINY).mean() for one in candidates
    ]
    return float(candidates[int(np.argmin(losses))])


def prototypes(vectors: Floats, labels: Labels, classes: int, seed: int) -> Floats:
    """Centres of each class (classes, PROTOTYPES, dimensions), of length 1, by spherical k-means."""
    dice = np.random.default_rng(seed)
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), TINY)
    centres = np.zeros((classes, PROTOTYPES, vectors.shape[1]), dtype=np.float32)
    for number in range(classes):
        members = unit[labels == number]
        if not len(members):
            continue
        found = members[dice.choice(len(members), PROTOTYPES, replace=len(members) < PROTOTYPES)]
        for _ in range(PROTOTYPE_ROUNDS):
            nearest = (members @ found.T).argmax(axis=1)
            found = np.stack(
                [
                    members[nearest == at].mean(axis=0) if (nearest == at).any() else found[at]
                    for at in range(PROTOTYPES)
                ]
            )
            found = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), TINY)
        centres[number] = found
    return centres
