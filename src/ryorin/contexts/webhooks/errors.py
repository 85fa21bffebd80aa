"""Errors of the webhooks context."""

from __future__ import annotations

from ryorin.kernel.errors import NotFound, RyorinError, Unavailable


class WebhookNotFound(NotFound):
    """No such webhook in this organisation."""

    code = "webhook_not_found"


class WebhookRefused(RyorinError):
    """Its receiver will not have it, and asking again will not change that."""

    code = "webhook_refused"


class WebhookFailed(Unavailable):
    """Its receiver did not take it; it is tried again."""

    code = "webhook_failed"
