"""What is read in the reply of a model that was told to answer with JSON, and may have said more."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

OBJECT = re.compile(r"\{[^{}]*\}", re.S)
ARRAY = re.compile(r"\[.*\]", re.S)


def objects(said: str) -> Iterator[dict[str, Any]]:
    """Flat objects, the last first: models think before they decide."""
    for found in reversed(OBJECT.findall(said)):
        try:
            yield json.loads(found)
        except ValueError:
            continue


def strings(said: str) -> list[str]:
    """The array of strings; none where there is none."""
    found = ARRAY.search(said)
    if found is None:
        return []
    try:
        told = json.loads(found[0])
    except ValueError:
        return []
    return [one for one in told if isinstance(one, str) and one.strip()]
