"""Whether a cached answer may answer a question that is worded differently: decisions with a stated error bound.

An entry's own decision follows vCache (Schroeder et al., arXiv 2502.03771): a logistic model of "the cached answer was
right" over similarity, a confidence bound on its threshold, and exploration with just the probability that keeps the
error below delta. Most entries meet few paraphrases, so a collection's evidence decides together as well: a logistic
model over several likenesses, whose threshold is calibrated on predictions of models that did not see the outcome
(fixed sequence testing: Angelopoulos et al., "Learn then Test", arXiv 2110.01052). As in vCache the error is the share
of all questions that are answered wrongly from the cache. ADR-0014.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.answers.domain.guards import Differences

Floats = NDArray[np.float64]
Analyser = Callable[[str], Sequence[str]]

# an entry decides by its own observations from so many on
OWN_OBSERVATIONS = 6
# cosines that near do not tell questions apart
NEAR = 0.02
# the share of questions that could be answered from the cache and are asked all the same: at least so many, so that
# evidence stays new, and more while there is little
EXPLORED_SHARE = 0.05
EXPLORED_AT_FIRST = 150
CONFIDENCE = 0.95
TEST_CONFIDENCE = 0.99
FOLDS = 5
# how much further the fixed sequence goes at each test
STEP = 10
# a model of nine weights needs some to begin with
MIN_OBSERVATIONS = 60
RIDGE = 1.0
# a logistic curve over cosines is steep: what one observation more or less may make of it is held back by this
OWN_RIDGE = 0.5
# cosines that matter lie around and within these
MIDDLE, SPREAD = 0.8, 0.05
EPSILONS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True, slots=True)
class Likeness:
    """How like a question is to a cached one.

    `cosine` of their vectors; `words` is the Jaccard index of their terms, `covered` the share of the shorter one's
    terms in the longer one; `lengths` the ratio of their lengths; `negation` and `names` whether they differ in these;
    `context` the share of passages that retrieval gives for both (None: answers without documents).
    """

    cosine: float
    words: float
    covered: float
    lengths: float
    negation: bool
    names: bool
    context: float | None = None

    @property
    def features(self) -> tuple[float, ...]:
        """As the collection's model takes them, the first a constant."""
        context = (0.0, 1.0) if self.context is None else (self.context, 0.0)
        differing = (float(self.negation), float(self.names))
        return (1.0, 4 * (self.cosine - 0.8), self.words, self.covered, self.lengths, *differing, *context)


def likeness(
    question: str, other: str, cosine: float, apart: Differences, analyse: Analyser, context: float | None = None
) -> Likeness:
    """The likeness of two questions, given the cosine of their vectors and in what they differ."""
    mine, theirs = analyse(question), analyse(other)
    shared, shorter = len({*mine} & {*theirs}), min(len({*mine}), len({*theirs}))
    return Likeness(
        cosine,
        shared / max(1, len({*mine, *theirs})),
        shared / max(1, shorter),
        min(len(mine), len(theirs)) / max(1, len(mine), len(theirs)),
        apart.negation,
        apart.names,
        context,
    )


@dataclass(frozen=True, slots=True)
class Observation:
    """A question that was answered anew although a cached answer was near: was that one right?

    `uniform` tells that the question was answered anew whatever was predicted, so that it stands for all.
    """

    likeness: Likeness
    right: bool
    uniform: bool = True


def explore_probability(observations: Sequence[tuple[float, bool]], similarity: float, delta: float) -> float:
    """With which probability a question must be answered anew, by an entry's own (similarity, right) observations.

    The rule of vCache: the smallest tau over confidence levels that keeps the probability of a wrong answer below
    `delta`.
    """
    if len(observations) < OWN_OBSERVATIONS:
        # too few for a curve: it goes with its collection, unless it was wrong where it was liker
        return float(any(not right and one >= similarity - NEAR for one, right in observations))
    seen = np.array([one for one, _ in observations])
    right = np.array([float(outcome) for _, outcome in observations])
    steepness, threshold, error = _own_curve(seen, right)
    taus = []
    for epsilon in EPSILONS:
        late = threshold + _normal_quantile(1 - epsilon) * error
        certain = (1 - epsilon) * _logistic(steepness * (similarity - late))
        taus.append(((1 - delta) - certain) / max(1e-12, 1 - certain))
    return min(1.0, max(0.0, min(taus)))


def _own_curve(seen: Floats, right: Floats) -> tuple[float, float, float]:
    """Steepness and threshold of the logistic curve that fits best, and the threshold's standard error."""
    matrix = np.column_stack([np.ones_like(seen), (seen - MIDDLE) / SPREAD])
    weights, covariance = _fit(matrix, right, np.array([OWN_RIDGE, OWN_RIDGE]))
    steepness = max(1e-3, float(weights[1]))
    threshold = -float(weights[0]) / steepness
    # delta method: threshold = -w0 / w1
    slope = np.array([-1 / steepness, float(weights[0]) / steepness**2])
    error = math.sqrt(max(0.0, float(slope @ covariance @ slope)))
    return steepness / SPREAD, MIDDLE + SPREAD * threshold, SPREAD * error


def _fit(matrix: Floats, right: Floats, ridge: Floats, rounds: int = 25) -> tuple[Floats, Floats]:
    """Weights of a logistic regression by Newton's method, and their covariance."""
    weights = np.zeros(matrix.shape[1])
    hessian = np.diag(ridge)
    for _ in range(rounds):
        chance = 1 / (1 + np.exp(-np.clip(matrix @ weights, -30, 30)))
        hessian = (matrix * (chance * (1 - chance))[:, None]).T @ matrix + np.diag(ridge)
        step = np.linalg.solve(hessian, matrix.T @ (right - chance) - ridge * weights)
        weights = weights + np.clip(step, -5, 5)
        if float(np.abs(step).max()) < 1e-6:  # noqa: PLR2004 - converged
            break
    return weights, np.asarray(np.linalg.inv(hessian), dtype=np.float64)


@dataclass(slots=True)
class Evidence:
    """What a collection knows about answering paraphrases from its cache.

    `bound` is the greatest share of questions that may be answered wrongly from it; `threshold` the prediction from
    which on it is used, None while the evidence does not reach for any.
    """

    bound: float
    observations: list[Observation] = field(default_factory=list)
    weights: Floats | None = None
    threshold: float | None = None
    _fitted: int = 0

    def predict(self, one: Likeness) -> float:
        """The probability that a cached answer so alike is right; 0 before there is a model."""
        if self.weights is None:
            return 0.0
        return _logistic(float(np.dot(self.weights, one.features)))

    def learn(self, *observations: Observation) -> None:
        """Take outcomes in; the model is fitted anew, once for all of them, when there are a tenth more."""
        self.observations.extend(observations)
        if len(self.observations) >= max(MIN_OBSERVATIONS, 1.1 * self._fitted):
            self.refit()

    def refit(self) -> None:
        """Fit the model and find the threshold, on predictions for each fifth by a model of the other four."""
        self._fitted = len(self.observations)
        right = np.array([float(one.right) for one in self.observations])
        if not 0 < right.sum() < len(right):
            return
        matrix = np.array([one.likeness.features for one in self.observations])
        ridge = np.full(matrix.shape[1], RIDGE)
        self.weights, _ = _fit(matrix, right, ridge)
        predicted, fold = np.zeros(len(right)), np.arange(len(right)) % FOLDS
        for number in range(FOLDS):
            weights, _ = _fit(matrix[fold != number], right[fold != number], ridge)
            predicted[fold == number] = 1 / (1 + np.exp(-np.clip(matrix[fold == number] @ weights, -30, 30)))
        told = [
            (float(chance), one.right) for chance, one in zip(predicted, self.observations, strict=True) if one.uniform
        ]
        self.threshold = threshold_for(told, self.bound)

    @property
    def explored_share(self) -> float:
        """The share of questions that are to be answered anew whatever is predicted."""
        uniform = sum(one.uniform for one in self.observations)
        return 1.0 if self.threshold is None else max(EXPLORED_SHARE, min(1.0, EXPLORED_AT_FIRST / max(1, uniform)))

    def allows(self, predicted: float) -> bool:
        """Whether the collection's evidence reaches for an answer with this prediction."""
        return self.threshold is not None and predicted >= self.threshold


def threshold_for(predictions: Sequence[tuple[float, bool]], bound: float) -> float | None:
    """The lowest prediction from which on the cache may be used.

    At most a share `bound` of all questions is answered wrongly then. It is found anew many times, so each time with
    99 % confidence. Predictions are tested from the surest downwards, and the first failure ends the test: so all
    tests together keep the confidence of each.
    """
    if upper_bound(0, len(predictions), TEST_CONFIDENCE) > bound:
        return None
    ordered = sorted(predictions, key=lambda one: -one[0])
    lowest, wrong = None, 0
    for first in range(0, len(ordered), STEP):
        part = ordered[first : first + STEP]
        wrong += sum(not right for _, right in part)
        if upper_bound(wrong, len(ordered), TEST_CONFIDENCE) > bound:
            break
        lowest = part[-1][0]
    return lowest


def upper_bound(wrong: int, count: int, confidence: float = CONFIDENCE) -> float:
    """The Clopper-Pearson upper bound of a share, one-sided."""
    if wrong >= count:
        return 1.0  # also when nothing was seen
    low, high = wrong / count, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(wrong, count, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(wrong: int, count: int, share: float) -> float:
    """The probability of at most so many of `count`."""
    terms = [
        math.lgamma(count + 1)
        - math.lgamma(number + 1)
        - math.lgamma(count - number + 1)
        + number * math.log(share)
        + (count - number) * math.log1p(-share)
        for number in range(wrong + 1)
    ]
    largest = max(terms)
    return math.exp(largest) * sum(math.exp(term - largest) for term in terms)


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, value))))


def _normal_quantile(probability: float) -> float:
    """By bisection of the error function."""
    low, high = -8.0, 8.0
    for _ in range(60):
        middle = (low + high) / 2
        if (1 + math.erf(middle / math.sqrt(2))) / 2 < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2
