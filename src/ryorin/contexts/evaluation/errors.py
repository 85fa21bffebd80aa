"""Errors of the evaluation context."""

from __future__ import annotations

from ryorin.kernel.errors import Conflict, NotFound


class DatasetNotFound(NotFound):
    """No such dataset in this organisation, or no such version of it."""

    code = "dataset_not_found"


class EvaluationNotFound(NotFound):
    """No such evaluation in this organisation."""

    code = "evaluation_not_found"


class StyleNotFound(NotFound):
    """No such style in this organisation."""

    code = "style_not_found"


class NotComparable(Conflict):
    """The two evaluations were not made of the same items."""

    code = "not_comparable"
