"""Errors of the annotation context."""

from __future__ import annotations

from ryorin.kernel.errors import NotFound


class QueueNotFound(NotFound):
    """No such annotation queue in this organisation."""

    code = "queue_not_found"


class NothingToAnnotate(NotFound):
    """Everything in the queue has been judged, or was by this actor."""

    code = "nothing_to_annotate"
