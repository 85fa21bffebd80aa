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
    """The model did not answer, or not in time; `again` is false where another try meets the same."""

    code = "model_unavailable"
    again = True
    # what the provider asked for (seconds)
    retry_after: float | None = None


class ModelLimited(ModelUnavailable):
    """The provider, or a limit set for it, lets no more calls through for now."""

    code = "model_limited"

    def __init__(self, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class ModelMisconfigured(ModelUnavailable):
    """The provider refuses our credential, or does not know the model: somebody has to mend it."""

    again = False


class ModelRejected(InvalidInput):
    """The model refused the request, for example because it is too long."""

    code = "model_rejected"
