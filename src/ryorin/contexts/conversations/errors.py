"""Errors of the conversations context."""

from __future__ import annotations

from ryorin.kernel.errors import NotFound


class ConversationNotFound(NotFound):
    """No such conversation, or it is somebody else's."""

    code = "conversation_not_found"
