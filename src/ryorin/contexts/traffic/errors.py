"""Errors of the traffic context."""

from __future__ import annotations

from ryorin.kernel.errors import NotFound


class ObjectiveNotFound(NotFound):
    """No such objective in this organisation."""

    code = "objective_not_found"


class SampleNotFound(NotFound):
    """No answer of that id is stored any more, or not for this actor."""

    code = "sample_not_found"
