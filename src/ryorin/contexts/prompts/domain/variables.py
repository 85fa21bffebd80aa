"""Values of a prompt's variables: missing, unknown and of another type are errors that name them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ryorin.contexts.prompts.versions import PromptVariable, VariableType
from ryorin.kernel.errors import InvalidInput

_KINDS: Mapping[VariableType, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "list": (list, tuple),
    "object": (dict,),
}


def declared(used: Iterable[str], known: Sequence[PromptVariable]) -> tuple[PromptVariable, ...]:
    """Every variable of a version: the declared ones, and those that are only used, which are texts."""
    names = {one.name for one in known}
    return (*known, *(PromptVariable(name) for name in used if name not in names))


def bound(variables: Sequence[PromptVariable], given: Mapping[str, object]) -> dict[str, object]:
    """A value for each variable; raises InvalidInput naming what is missing, unknown, or of another type."""
    names = [one.name for one in variables]
    missing = [one.name for one in variables if one.name not in given and one.default is None]
    extra = [name for name in given if name not in names]
    faults = [f"{word}: {', '.join(faulty)}" for word, faulty in (("missing", missing), ("unknown", extra)) if faulty]
    if faults:
        has = f"has the variables {', '.join(names)}" if names else "has no variables"
        raise InvalidInput(f"variables {'; '.join(faults)}. The prompt {has}")
    return {one.name: typed(one, given[one.name]) if one.name in given else one.default for one in variables}


def typed(variable: PromptVariable, value: object) -> object:
    """The value as its type; texts may stand for numbers, yes and no, lists and objects: some clients have only texts.

    Raises InvalidInput.
    """
    if variable.type == "string":
        return as_text(value)
    read = _read(value) if isinstance(value, str) else value
    fits = isinstance(read, _KINDS[variable.type]) and (variable.type == "boolean" or not isinstance(read, bool))
    if not fits:
        raise InvalidInput(f"variable {variable.name!r} must be {_article(variable.type)}, not {as_text(value)[:60]!r}")
    return read


def as_text(value: object) -> str:
    """How a value stands in a text: texts as they are, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _article(kind: VariableType) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
