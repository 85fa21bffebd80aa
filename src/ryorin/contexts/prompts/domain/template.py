"""Variables in prompts: `{{name}}` and nothing else, so that no text of a user can become code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ryorin.kernel.errors import InvalidInput

VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,63})\s*\}\}")
BRACES = re.compile(r"\{\{|\}\}")


def variables_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The names of all variables, each once, in the order of their first use."""
    return tuple(dict.fromkeys(name for text in texts for name in VARIABLE.findall(text)))


def check_template(text: str) -> None:
    """Raise InvalidInput for double braces that are no variable: what was meant would silently be text."""
    rest = VARIABLE.sub("", text)
    if found := BRACES.search(rest):
        near = rest[max(found.start() - 20, 0) : found.end() + 20].replace("\n", " ")
        raise InvalidInput(f"variables are written {{{{name}}}}, with letters, digits and _; here is {near!r}")


def check_variables(needed: Iterable[str], given: Iterable[str]) -> None:
    """Raise InvalidInput, naming them, for variables that are missing or that the prompt does not have."""
    needed, given = tuple(needed), tuple(given)
    missing = [name for name in needed if name not in given]
    extra = [name for name in given if name not in needed]
    faults = [f"{word}: {', '.join(names)}" for word, names in (("missing", missing), ("unknown", extra)) if names]
    if faults:
        has = f"has the variables {', '.join(needed)}" if needed else "has no variables"
        raise InvalidInput(f"variables {'; '.join(faults)}. The prompt {has}")


def render(text: str, values: Mapping[str, str]) -> str:
    """The text with every variable replaced by its value, in one pass: a value is never read as a template."""
    return VARIABLE.sub(lambda found: values[found[1]], text)
