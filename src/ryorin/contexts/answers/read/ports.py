"""What answering needs from outside: chat models, and the layers that keep answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

from ryorin.contexts.answers.provenance import AnswerUse, Provenance, ProvenanceView
from ryorin.contexts.answers.queries import (
    Answer,
    AnswerQuestion,
    ChatMessage,
    ModelView,
    PromptUsed,
    SamplingOptions,
    Usage,
)
from ryorin.contexts.answers.selection import Selection
from ryorin.contexts.answers.tools import AnswerForm, ToolCallPiece, ToolUse
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import Actor, OrgId


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A model call; `timeout_seconds` bounds all of it, `form` what may be said.

    `whole`: nobody wants pieces, so it may come in one. `adapter` is one of the model's, by its server's name for it.
    `prompt` is the stored prompt that went into the messages, for those who look at calls afterwards.
    """

    messages: tuple[ChatMessage, ...]
    sampling: SamplingOptions
    timeout_seconds: float = 120.0
    form: AnswerForm | None = None
    whole: bool = False
    tools: ToolUse | None = None
    adapter: str = ""
    prompt: PromptUsed | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """Who answers a call, under which alias, and once it is known what it costs (USD)."""

    deployment: str
    alias: str
    usd: float = 0.0


@dataclass(frozen=True, slots=True)
class RemainingLimits:
    """What a provider still takes of requests and tokens, and in how many seconds it begins anew; None: not told."""

    requests: int | None
    tokens: int | None
    requests_reset: float
    tokens_reset: float


@dataclass(frozen=True, slots=True)
class ChatDelta:
    """A piece of a model's answer; the last one has a finish reason, and usage if the model counts.

    The first one has what the provider said of its limits, if it did.
    """

    text: str
    finish_reason: str | None = None
    usage: Usage | None = None
    calls: tuple[ToolCallPiece, ...] = ()
    served: Served | None = None
    remaining: RemainingLimits | None = None


class ChatModel(Protocol):
    """A large language model."""

    @property
    def identity(self) -> str:
        """What stands behind the alias: answers of another identity are another model's."""
        ...

    @property
    def context_tokens(self) -> int:
        """How many tokens prompt and answer may have together."""
        ...

    def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        """The answer as it is made; raises ModelUnavailable or ModelRejected. Closing it cancels the call."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, possibly estimated."""
        ...


class ChatModels(Protocol):
    """Models by alias, as an actor may use them."""

    async def find(self, actor: Actor, alias: str) -> ChatModel | None:
        """The model; None when there is none of that alias."""
        ...

    async def aliases(self, actor: Actor) -> Sequence[ModelView]:
        """All there are."""
        ...


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer with what it depends on.

    `probe` says what its context was found by, `outline` what of that a change is first compared with, both as the
    process that made it encodes them, `context` is a digest of the passages; `as_of` is the position of the search
    index before it was asked; `lexicon_epoch` the ranking statistics it was found with. `question` is what
    was asked, of one from documents.
    """

    key: str
    org_id: OrgId
    answer: Answer
    collection: str | None
    probe: bytes | None
    outline: bytes | None
    lexicon_epoch: int | None
    as_of: LogPosition
    ttl_seconds: float
    provenance: Provenance = field(default_factory=Provenance)
    context: str | None = None
    question: AnswerQuestion | None = None


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as L2 gives it: valid at least up to `valid_at`, with the statistics of `lexicon_epoch`.

    When it was found valid, all transactions before `seen` had ended; None: it was made just now. It may be given for
    `ttl_seconds` more.
    """

    answer: Answer
    collection: str | None
    lexicon_epoch: int | None
    valid_at: LogPosition
    seen: int | None = None
    ttl_seconds: float = inf


class ObjectStore(Protocol):
    """Objects by name. Every method raises Unavailable when the store does not answer."""

    async def put(self, name: str, content: bytes) -> None: ...

    async def get(self, name: str) -> bytes | None:
        """None when there is none of that name."""
        ...

    async def delete(self, name: str) -> None: ...


class SharedAnswers(Protocol):
    """A store of answers beside L2 that all processes share, and that nobody relies on: it may fail, forget or be old.

    Whether an answer from it is valid the asking process decides by what it was told (`HotAnswers.put`).
    """

    async def get(self, org_id: OrgId, key: str) -> KeptAnswer | None:
        """An answer, if it comes in time."""
        ...

    def put(self, org_id: OrgId, key: str, kept: KeptAnswer) -> None:
        """Have an answer stored soon."""
        ...


class AnswerStore(Protocol):
    """L2: answers that survive restarts."""

    async def get(self, org_id: OrgId, key: str, *, settled: bool) -> KeptAnswer | None:
        """A valid answer; `settled` wants to be sure that no change of the index is still to be looked at."""
        ...

    async def changed(self, org_id: OrgId, collection: str) -> LogPosition:
        """The newest change of a collection that the freshness projection has dealt with."""
        ...

    async def invalidated(self, org_id: OrgId, key: str, within_seconds: float) -> Answer | None:
        """An answer that was invalidated at most so long ago."""
        ...

    async def put(self, entry: CachedAnswer) -> KeptAnswer | None:
        """Keep an answer; as it is kept, None when its collection changed meanwhile."""
        ...

    async def of_context(self, org_id: OrgId, key: str, context: str) -> Answer | None:
        """An answer that was made from this very context, invalidated or not."""
        ...

    async def renew(self, entry: CachedAnswer) -> KeptAnswer | None:
        """Make an answer that is there valid again, as `put`; its age and its time to live go on."""
        ...


class AnswerLedger(Protocol):
    """What answers were made from, as far as the actor may read that; kept longer than the answers themselves."""

    async def provenance(self, actor: Actor, answer_id: str) -> ProvenanceView | None: ...

    async def using(self, actor: Actor, collection: str, document: str, limit: int) -> tuple[AnswerUse, ...]:
        """Answers with a chunk of the document in their context, newest first."""
        ...


class Audiences(Protocol):
    """For whom the documents of collections are."""

    async def named(self, org_id: OrgId, collection: str) -> frozenset[str] | None:
        """Every reader that a restricted document of the collection has or had; None: there never was such a one.

        As new as the invalidations that this process was told. Raises Unavailable when nothing is known.
        """
        ...


class HotAnswers(Protocol):
    """L1: answers in this process's memory, fed by notifications of what became invalid."""

    @property
    def connected(self) -> bool:
        """Whether every notification arrives."""
        ...

    def get(self, org_id: OrgId, key: str) -> Answer | None:
        """An answer that this process does not know to be invalid."""
        ...

    def lapsed(self, org_id: OrgId, key: str, within_seconds: float) -> Answer | None:
        """An answer from before notifications were lost, which was valid at most so long ago."""
        ...

    def put(self, org_id: OrgId, key: str, kept: KeptAnswer) -> bool:
        """Keep an answer if all is known that could have made it invalid, and did not; whether that is so."""
        ...


@dataclass(frozen=True, slots=True)
class KeptProbe:
    """A cached answer's key with what its context was found by; None: that lies elsewhere, and is not looked at."""

    key: str
    probe: bytes | None


@dataclass(frozen=True, slots=True)
class KeptOutline:
    """A cached answer's key with the outline of its probe; `sequence` grows with every answer that is kept.

    `as_of` is the position from before it was asked.
    """

    key: str
    sequence: int
    outline: bytes
    as_of: LogPosition


class AnswerRows(Protocol):
    """Invalidations, inside the freshness projection's transaction.

    `collection_changed` comes first: from then on no answer made from an earlier state is kept, so
    that `outlines` shows all that were.
    """

    async def outlines(self, org_id: OrgId, collection: str, after: int) -> Sequence[KeptOutline]:
        """The valid answers of a collection that were kept after a sequence, in its order."""
        ...

    async def probes(self, org_id: OrgId, keys: Sequence[str]) -> Sequence[KeptProbe]:
        """What valid answers depend on."""
        ...

    async def invalidate(self, org_id: OrgId, keys: Sequence[str], reason: str, position: LogPosition) -> None: ...

    async def invalidate_collection(
        self, org_id: OrgId, collection: str, reason: str, position: LogPosition
    ) -> None: ...

    async def flush(self, org_id: OrgId, selection: Selection, position: LogPosition) -> None:
        """Drop selected answers for good."""
        ...

    async def erase(self, org_id: OrgId, collection: str, document: str, position: LogPosition) -> None:
        """Drop every answer that was ever made with a document, and what is known of it."""
        ...

    async def restricted(self, org_id: OrgId, collection: str, readers: Sequence[str]) -> None:
        """Note that a document of the collection is for these readers only, and tell every process."""
        ...

    async def collection_changed(self, org_id: OrgId, collection: str, position: LogPosition) -> LogPosition:
        """Note that answers made from an earlier state of the collection may no longer be kept; the change before."""
        ...
