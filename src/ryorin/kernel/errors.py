"""The error tree: what went wrong and whether trying again can help; entrypoints map codes outward."""

from __future__ import annotations

from typing import ClassVar


class RyorinError(Exception):
    """Base of every error Ryorin raises on purpose.

    `code` is stable and machine-readable, `retryable` says whether the same request may
    succeed later, `detail` says what was wrong, with which value, and what to do about it.
    """

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class InvalidInput(RyorinError):
    """The caller sent something that can never be accepted."""

    code = "invalid_input"


class NotFound(RyorinError):
    """The thing named does not exist in this organisation."""

    code = "not_found"


class Conflict(RyorinError):
    """The request contradicts the present state."""

    code = "conflict"


class Unauthenticated(RyorinError):
    """No valid credential came with the request."""

    code = "unauthenticated"


class Forbidden(RyorinError):
    """The actor is known but may not do this."""

    code = "forbidden"


class IdempotencyKeyReused(RyorinError):
    """The same idempotency key came with another body (answered 422, see DESIGN.md section 4)."""

    code = "idempotency_key_reused"


class ConcurrencyConflict(RyorinError):
    """Another writer changed the stream first; loading and deciding again may succeed."""

    code = "concurrency_conflict"
    retryable = True


class LeaseLost(RyorinError):
    """Another worker took this command over; whatever this one decided is rolled back."""

    code = "lease_lost"
    retryable = True


class Unavailable(RyorinError):
    """A dependency did not answer; the request may be sent again."""

    code = "unavailable"
    retryable = True


class NewerVersion(RyorinError):
    """Something was written by a version that knows more; a process of that version can go on with it."""

    code = "newer_version"
    retryable = True


class DeadlineExceeded(RyorinError):
    """The work did not end within its time."""

    code = "deadline_exceeded"
    retryable = True


class StaleRead(RyorinError):
    """The read models have not reached the position of the consistency token in time."""

    code = "stale_read"
    retryable = True
