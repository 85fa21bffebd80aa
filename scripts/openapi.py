"""Writes docs/openapi.json from the routes; `--check` only tells whether it is up to date."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, cast

from ryorin.entrypoints.openai.description import add_description
from ryorin.entrypoints.rest.app import build_api
from ryorin.entrypoints.services import Services

TARGET = Path(__file__).parent.parent / "docs" / "openapi.json"


def description() -> str:
    """The OpenAPI description as text; no service is asked for it."""
    api: dict[str, Any] = build_api(cast(Services, None), describe=add_description).openapi()
    return json.dumps(api, ensure_ascii=False, indent=1) + "\n"


def main() -> None:
    """Write, or check."""
    if "--check" not in sys.argv:
        TARGET.write_text(description())
    elif TARGET.read_text() != description():
        sys.exit("docs/openapi.json is out of date; run `make openapi`")


if __name__ == "__main__":
    main()
