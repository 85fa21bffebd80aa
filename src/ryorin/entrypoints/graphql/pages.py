"""Pages: GraphQL Cursor Connections, with cursors that say behind what they stand."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import strawberry
from graphql import GraphQLError

from ryorin.entrypoints.graphql.limits import MAX_FIRST

T = TypeVar("T")
V = TypeVar("V")


@strawberry.type
class PageInfo:
    """Whether more follows, and where to go on (GraphQL Cursor Connections)."""

    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class Edge(Generic[T]):
    """One of a page, with the cursor behind it."""

    cursor: str
    node: T


@strawberry.type
class Connection(Generic[T]):
    """A page."""

    edges: list[Edge[T]]
    page_info: PageInfo
    total_count: int | None

    @strawberry.field
    def nodes(self) -> list[T]:
        """What is on the page, without cursors."""
        return [edge.node for edge in self.edges]


def checked_first(first: int) -> int:
    """How many are on a page; raises GraphQLError."""
    if not 1 <= first <= MAX_FIRST:
        raise GraphQLError(
            f"first is {first}; it must be 1-{MAX_FIRST}", extensions={"code": "invalid_input", "status": 400}
        )
    return first


def decoded(cursor: str | None) -> str | None:
    """What a cursor stands behind; raises GraphQLError."""
    if cursor is None:
        return None
    try:
        return base64.urlsafe_b64decode(cursor.encode()).decode()
    except (binascii.Error, UnicodeError) as error:
        raise _no_cursor(cursor) from error


def encoded(key: str) -> str:
    """The cursor behind something."""
    return base64.urlsafe_b64encode(key.encode()).decode()


def paged(
    found: Sequence[V], key: Callable[[V], str], of: Callable[[V], Any], first: int, after: str | None
) -> Connection[Any]:
    """A page of what was found whole, in its order; raises GraphQLError for a cursor that is none."""
    start, behind = 0, decoded(after)
    if behind is not None:
        places = {key(one): place for place, one in enumerate(found, start=1)}
        if behind not in places:
            raise _no_cursor(after or "")
        start = places[behind]
    end = start + checked_first(first)
    return connection([(key(one), of(one)) for one in found[start:end]], end < len(found), len(found))


def connection(made: Sequence[tuple[str, Any]], more: bool, total: int | None) -> Connection[Any]:
    """A page of nodes with their keys."""
    edges = [Edge(cursor=encoded(name), node=node) for name, node in made]
    info = PageInfo(has_next_page=more, end_cursor=edges[-1].cursor if edges else None)
    return Connection(edges=edges, page_info=info, total_count=total)


def _no_cursor(cursor: str) -> GraphQLError:
    return GraphQLError(
        f"{cursor[:60]!r} is no cursor of this list", extensions={"code": "invalid_input", "status": 400}
    )
