"""Errors of the answers context."""

from __future__ import annotations

from ryorin.kernel.errors import InvalidInput, NotFound, Unavailable


class AnswerNotFound(NotFound):
    """No such answer was kept, or it was forgotten."""

    code = "answer_not_found"


class HitNotFound(NotFound):
    """No such semantic hit was given, or it was forgotten."""

    code = "hit_not_found"


class ModelNotFound(NotFound):
    """No such model is configured."""

    code = "model_not_found"


class ModelUnavailable(Unavailable):
    """The model did not answer, or not in time."""

    code = "model_unavailable"


class ModelRejected(InvalidInput):
    """The model refused the request, for example because it is too long."""

    code = "model_rejected"
