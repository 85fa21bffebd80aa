"""Examples as they are stored: a JSON list of [text, expert or null]."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ryorin.contexts.routing.experts import Example
from ryorin.kernel.errors import InvalidInput

MAX_EXAMPLES = 100_000
MAX_CHARACTERS = 8000


def dump(examples: Sequence[Example]) -> bytes:
    """As bytes that `load` understands."""
    return json.dumps([[one.text, one.expert] for one in examples], ensure_ascii=False).encode()


def load(content: bytes) -> list[Example]:
    """What `dump` wrote."""
    return [Example(text, expert) for text, expert in json.loads(content)]


def check(examples: Sequence[Example]) -> None:
    """Raise InvalidInput for examples that no gate could learn from."""
    if not 1 <= len(examples) <= MAX_EXAMPLES:
        raise InvalidInput(f"{len(examples)} examples were given; 1-{MAX_EXAMPLES} are allowed")
    for number, one in enumerate(examples):
        if not one.text.strip() or len(one.text) > MAX_CHARACTERS or "\x00" in one.text:
            raise InvalidInput(f"example {number} must have 1-{MAX_CHARACTERS} characters and no NUL")
