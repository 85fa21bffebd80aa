"""Errors of the gateway context."""

from __future__ import annotations

from ryorin.kernel.errors import NotFound, RyorinError


class ProviderNotFound(NotFound):
    """No such provider in this organisation."""

    code = "provider_not_found"


class BudgetNotFound(NotFound):
    """No such budget in this organisation."""

    code = "budget_not_found"


class BudgetExceeded(RyorinError):
    """A call might cost more than is left."""

    code = "budget_exceeded"
