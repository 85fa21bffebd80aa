"""Errors of the prompts context."""

from __future__ import annotations

from ryorin.kernel.errors import NotFound


class PromptNotFound(NotFound):
    """No such prompt in this organisation, or no such version or label of it."""

    code = "prompt_not_found"
