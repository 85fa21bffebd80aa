"""Errors of the routing context."""

from __future__ import annotations

from ryorin.kernel.errors import Conflict, NotFound


class ExpertNotFound(NotFound):
    """No such expert in this organisation."""

    code = "expert_not_found"


class GateNotFound(NotFound):
    """No such version of the gate was trained."""

    code = "gate_not_found"


class RoutingNotFound(NotFound):
    """No such decision was made, or it was forgotten."""

    code = "routing_not_found"


class GateNotBetter(Conflict):
    """The version decides worse than the one that is active."""

    code = "gate_not_better"
