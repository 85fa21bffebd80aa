"""Everything an entrypoint may use: the two buses and a few doors beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ryorin.contexts.annotation.specs import AnnotationItem
from ryorin.contexts.conversations.commands import PutSettings, SaveMessages
from ryorin.contexts.conversations.turns import TurnRole, UserSettings
from ryorin.contexts.evaluation.specs import DatasetItem, StyleGenome
from ryorin.contexts.knowledge.commands import StoredContent
from ryorin.contexts.routing.experts import Example
from ryorin.kernel.bus import CommandBus, QueryBus
from ryorin.kernel.messages import Actor
from ryorin.kernel.ports import ReadPositions, Telemetry


class Authenticator(Protocol):
    """Finds out who is asking."""

    async def __call__(self, credential: str | None) -> Actor:
        """The actor behind a bearer token (None: no credential came); raises Unauthenticated."""
        ...


class Visitors(Protocol):
    """Lets people in who have no credential, as often as they may come."""

    async def __call__(self, organisation: str, address: str) -> Actor:
        """A reader of what is public in an organisation, which need not be there; raises RateLimited."""
        ...


class Uploader(Protocol):
    """Stores a content before the command that refers to it."""

    async def __call__(self, actor: Actor, content: AsyncIterator[bytes]) -> StoredContent:
        """Store a stream of bytes; raises Forbidden, or InvalidInput when it is too large."""
        ...


class ExampleKeeper(Protocol):
    """Stores examples before the command that refers to them."""

    async def __call__(self, actor: Actor, given: Sequence[Example]) -> str:
        """Their hash; raises Forbidden, or InvalidInput for examples that nothing can be learnt from."""
        ...


class DatasetKeeper(Protocol):
    """Stores items before the command that makes a dataset's version of them."""

    async def __call__(self, actor: Actor, given: Sequence[DatasetItem]) -> str:
        """Their hash; raises Forbidden, or InvalidInput for items that cannot be told apart or ask nothing."""
        ...


class FeedbackKeeper(Protocol):
    """Stores what is said of an answer before the command that rates it."""

    async def __call__(self, actor: Actor, correction: str | None, comment: str) -> str:
        """Its id; raises Forbidden."""
        ...


class AnnotationKeeper(Protocol):
    """Stores answers that are to be judged, and comments, before the commands that refer to them."""

    async def items(self, actor: Actor, queue: str, items: Sequence[AnnotationItem]) -> str:
        """The name of their batch; raises Forbidden, and InvalidInput when there are none."""
        ...

    async def comment(self, actor: Actor, queue: str, item: str, text: str) -> None:
        """Keep a comment; raises Forbidden."""
        ...


class ConversationKeeper(Protocol):
    """Stores what was said, and what is preferred, before the command that refers to it."""

    async def saving(
        self, actor: Actor, conversation: str, said: Sequence[tuple[TurnRole, str, str | None]]
    ) -> SaveMessages:
        """The command that saves messages (role, text, id of the answer); raises Forbidden and InvalidInput."""
        ...

    async def preferring(self, actor: Actor, settings: UserSettings) -> PutSettings:
        """The command that puts settings; raises Forbidden and InvalidInput."""
        ...


@dataclass(frozen=True, slots=True)
class Check:
    """One dependency looked at: whether it works, what was seen, how to mend it, whether nothing goes without it."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = True


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What was backed up or restored: the log up to a position, files beside the database, bytes in all."""

    folder: str
    position: str
    events: int
    files: int
    size_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ScrubReport:
    """What scrubbing did: contents dropped, those that wait because they were used lately, tables written anew."""

    dropped: int
    waiting: int
    tables: int
    idle_seconds: float


@dataclass(frozen=True, slots=True)
class Services:
    """What the composition root hands to every entrypoint."""

    commands: CommandBus
    queries: QueryBus
    positions: ReadPositions
    telemetry: Telemetry
    authenticate: Authenticator
    visitor: Visitors
    upload: Uploader
    keep_examples: ExampleKeeper
    keeper: ConversationKeeper
    keep_items: DatasetKeeper
    genome_of: Callable[[Sequence[str]], Awaitable[StyleGenome]]
    keep_feedback: FeedbackKeeper
    annotations: AnnotationKeeper
    checks: Callable[[], Awaitable[Sequence[Check]]]
    scrub: Callable[[], Awaitable[ScrubReport]]
    metrics: Callable[[], Awaitable[bytes]]
    default_model: str
