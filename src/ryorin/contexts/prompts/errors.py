"""Errors of the prompts context."""

from __future__ import annotations

from ryorin.kernel.errors import Conflict, NotFound


class PromptNotFound(NotFound):
    """No such prompt in this organisation, or no such version or label of it."""

    code = "prompt_not_found"


class LabelProtected(Conflict):
    """The label is moved by admins only, and by who says that it is meant."""

    code = "label_protected"


class GateClosed(Conflict):
    """The label wants a comparison that was not passed."""

    code = "gate_closed"


class PromptCycle(Conflict):
    """A prompt would be taken in by itself."""

    code = "prompt_cycle"
