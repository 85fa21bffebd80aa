"""JSON Schema (draft 2020-12) by the jsonschema library, where nothing is fetched for a `$ref`, and patterns by the
regex library, which ends one that takes too long."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import regex

from ryorin.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

# models like to wrap what they were asked for
FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*\Z", re.S)
MAX_FAULTS = 5
SECONDS = 1.0


class TextShapes:
    """The `Shapes` port."""

    def matches(self, pattern: str, text: str) -> bool:
        """Whether a pattern is found; raises InvalidInput for one that takes too long."""
        try:
            # other threads go on while it searches: the standard library would hold them all up
            return regex.search(pattern, text, timeout=SECONDS, concurrent=True) is not None
        except (regex.error, TimeoutError) as error:
            raise InvalidInput(f"the pattern {pattern[:60]!r} cannot be searched for: {error}") from error

    def faults(self, schema: str, text: str) -> Sequence[str]:
        """What does not fit; raises InvalidInput for a schema that is none."""
        from referencing.exceptions import Unresolvable  # noqa: PLC0415 - see _validator

        validator = _validator(schema)
        fenced = FENCE.match(text)
        try:
            value = json.loads(fenced[1] if fenced else text)
        except ValueError as error:
            return [f"it is no JSON: {error}"]
        try:
            found = list(validator.iter_errors(value))
        except Unresolvable as error:
            raise InvalidInput(f"the JSON schema refers to what is not in it: {error}") from error
        return [f"{error.json_path}: {error.message[:200]}" for error in found[:MAX_FAULTS]]


def _validator(schema: str) -> Validator:
    # with rfc3987-syntax beside it, which it looks for, the import takes more than a second
    import jsonschema  # noqa: PLC0415

    try:
        said = json.loads(schema)
        jsonschema.Draft202012Validator.check_schema(said)
    except (ValueError, jsonschema.SchemaError) as error:
        raise InvalidInput(f"the JSON schema is none: {str(error).splitlines()[0]}") from error
    return jsonschema.Draft202012Validator(said)
