"""The OpenAPI description and the examples in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DESCRIPTION = json.loads(Path("docs/openapi.json").read_text())


def example_of(content: dict[str, Any]) -> bytes:
    schema = content["schema"]
    if "$ref" in schema:
        schema = DESCRIPTION["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        schema = DESCRIPTION["components"]["schemas"][schema["anyOf"][0]["$ref"].rpartition("/")[2]]
    example = content.get("example") or schema["examples"][0]
    return example.encode() if isinstance(example, str) else json.dumps(example).encode()
