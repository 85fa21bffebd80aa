"""Events as facts and as recorded rows: stream, version, cause and place in the one global order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import OrgId


class Event:
    """Base of all domain events: frozen dataclasses named in the past tense.

    `type` is the stable name in the log; raise `schema_version` with an upcaster when fields change.
    """

    type: ClassVar[str]
    schema_version: ClassVar[int] = 1


@dataclass(frozen=True, slots=True, order=True)
class LogPosition:
    """A place in the event log; ordered by transaction first, so that no late commit is skipped."""

    transaction_id: int
    position: int

    def __str__(self) -> str:
        return f"{self.transaction_id}-{self.position}"

    @classmethod
    def parse(cls, token: str) -> LogPosition:
        """Read a consistency token; raises InvalidInput when it is not one."""
        left, dash, right = token.partition("-")
        if not (dash and _is_number(left) and _is_number(right)):
            raise InvalidInput(f"{token[:60]!r} is not a consistency token; send back the one a write gave you")
        return cls(int(left), int(right))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS


# both halves are 64-bit numbers in the log
MAX_DIGITS = 19

BEGINNING = LogPosition(0, 0)


@dataclass(frozen=True, slots=True)
class Stream:
    """The history of one aggregate: its organisation, kind and id."""

    org_id: OrgId
    type: str
    id: str

    @property
    def key(self) -> str:
        """The id under which the log keeps this stream."""
        return f"{self.type}/{self.id}"


@dataclass(frozen=True, slots=True)
class EventMetadata:
    """Who caused an event, through which command, within which conversation and trace, from which address."""

    principal_id: str
    causation_id: str
    correlation_id: str
    traceparent: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event as the log holds it."""

    position: LogPosition
    stream: Stream
    version: int
    event: Event
    metadata: EventMetadata
    recorded_at: datetime
