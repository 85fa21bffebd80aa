"""What can be done: queues are put and filled, answers judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.annotation.specs import MAX_ID_CHARACTERS, QueueSpec, check_name
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Command, Result, Scope


@dataclass(frozen=True, slots=True)
class QueueChanged(Result):
    """The queue, and how many answers were added."""

    queue: str
    items: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PutAnnotationQueue(Command):
    """Have answers judged by a rubric, or by another from now on."""

    name: ClassVar[str] = "annotation.put_queue"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    result_type: ClassVar[type[Result]] = QueueChanged

    queue_name: str
    spec: QueueSpec

    def validate(self) -> None:
        check_name(self.queue_name)
        self.spec.validate()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveAnnotationQueue(Command):
    """Take a queue away with what is in it. Raises QueueNotFound."""

    name: ClassVar[str] = "annotation.remove_queue"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    result_type: ClassVar[type[Result]] = QueueChanged

    queue_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueItems(Command):
    """Have answers judged that were stored as a batch; those that are in the queue stay. Raises QueueNotFound."""

    name: ClassVar[str] = "annotation.queue_items"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    result_type: ClassVar[type[Result]] = QueueChanged

    queue_name: str
    batch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotate(Command):
    """Judge an answer; an earlier judgement by the same counts no more. Raises QueueNotFound.

    A comment was stored before, where it can be erased.
    """

    name: ClassVar[str] = "annotation.annotate"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    result_type: ClassVar[type[Result]] = QueueChanged

    queue_name: str
    item: str
    passed: bool

    def validate(self) -> None:
        if not 1 <= len(self.item) <= MAX_ID_CHARACTERS:
            raise InvalidInput(f"an item's id has 1-{MAX_ID_CHARACTERS} characters")


COMMANDS: tuple[type[Command], ...] = (PutAnnotationQueue, RemoveAnnotationQueue, QueueItems, Annotate)
