"""What changes have in common: words that must be one of some, and what is told of a command."""

from __future__ import annotations

from typing import cast, get_args

import strawberry
from graphql import GraphQLError
from strawberry.scalars import JSON

from ryorin.entrypoints.graphql.views import Written
from ryorin.kernel.bus import Receipt
from ryorin.kernel.codec import from_json, to_json
from ryorin.kernel.errors import RyorinError


def written(receipt: Receipt) -> Written:
    """What came of a command."""
    record = receipt.record
    return Written(
        command=strawberry.ID(str(record.envelope.id)),
        consistency_token=str(record.position) if record.position else None,
        result=cast(JSON, to_json(record.result)),
    )


def one_of(kind: object, text: str, name: str) -> object:
    """One of a literal type's values; raises GraphQLError for another."""
    try:
        return cast(object, from_json(kind, text))
    except RyorinError as error:
        raise invalid(f"{name} {text[:40]!r} must be one of {', '.join(get_args(kind))}") from error


def invalid(detail: str) -> GraphQLError:
    """A mistake of whoever asks."""
    return GraphQLError(detail, extensions={"code": "invalid_input", "status": 400})
