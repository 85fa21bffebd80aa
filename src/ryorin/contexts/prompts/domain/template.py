"""Plain templates: `{{name}}` is a variable, `{{> name@label}}` another prompt that is taken in, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from ryorin.contexts.prompts.versions import PARTIAL, PromptReference
from ryorin.kernel.errors import InvalidInput

VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,63})\s*\}\}")
BRACES = re.compile(r"\{\{|\}\}")


def variables_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The names of all variables, each once, in the order of their first use."""
    return tuple(dict.fromkeys(name for text in texts for name in VARIABLE.findall(text)))


def check_template(text: str) -> None:
    """Raise InvalidInput for double braces that are no variable: what was meant would silently be text."""
    rest = VARIABLE.sub("", PARTIAL.sub("", text))
    if found := BRACES.search(rest):
        near = rest[max(found.start() - 20, 0) : found.end() + 20].replace("\n", " ")
        raise InvalidInput(f"variables are written {{{{name}}}}, with letters, digits and _; here is {near!r}")


def expand(text: str, taken_in: Callable[[PromptReference], str]) -> str:
    """The text with every other prompt in its place."""
    return PARTIAL.sub(lambda found: taken_in(PromptReference.parse(found[1])), text)


def render(text: str, values: Mapping[str, str]) -> str:
    """The text with every variable replaced by its value, in one pass: a value is never read as a template."""
    return VARIABLE.sub(lambda found: values[found[1]], text)
