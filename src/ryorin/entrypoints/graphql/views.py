"""What GraphQL shows of commands."""

from __future__ import annotations

from typing import cast

import strawberry
from strawberry.scalars import JSON

from ryorin.contexts.operations.queries import CommandView
from ryorin.kernel.codec import to_json


@strawberry.type
class Command:
    """A command, and how far it is."""

    id: strawberry.ID
    name: str
    state: str
    ended: bool
    attempts: int
    progress: JSON | None
    result: JSON | None
    error: JSON | None
    consistency_token: str | None

    @classmethod
    def of(cls, view: CommandView) -> Command:
        """From the view."""
        return cls(
            id=strawberry.ID(str(view.id)),
            name=view.name,
            state=str(view.state),
            ended=view.ended,
            attempts=view.attempts,
            progress=cast(JSON, to_json(view.progress)),
            result=cast(JSON, to_json(view.result)),
            error=cast(JSON, to_json(view.error)),
            consistency_token=view.position,
        )


@strawberry.type
class Written:
    """A finished write: read with the token to see it."""

    command: strawberry.ID
    consistency_token: str | None
    result: JSON | None
