"""What can be asked for an answer, and the shapes of answers and their streams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from ryorin.contexts.answers.tools import AnswerForm, ToolCall, ToolCallPiece, ToolUse
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Query, Scope, resource_of

Role = Literal["system", "user", "assistant", "tool"]
CacheLayer = Literal["l1", "shared", "l2", "revalidated", "semantic", "stale", "miss", "bypass"]
Freshness = Literal["strict", "bounded", "ttl"]
Fusion = Literal["best", "vote", "synthesis"]
MAX_EXPERTS = 8
MAX_PANEL_SECONDS = 120
MAX_MESSAGES = 200
MAX_MESSAGE_CHARACTERS = 200_000
MAX_OUTPUT_TOKENS = 32_768
MAX_STALENESS_SECONDS = 86_400
MAX_REVALIDATE_SECONDS = 3600
FRESHNESS_MODEL = "answers.freshness"
# what stands behind a model's alias
CATALOGUE_MODEL = "gateway.catalogue"
# who the experts are, and who is asked for what
ROUTING_MODEL = "routing.experts"
# which version a prompt's label names
PROMPTS_MODEL = "prompts.prompts"
# what was said in a conversation
CONVERSATIONS_MODEL = "conversations.conversations"
# asked as a model, a panel of experts answers
EXPERTS = "experts"


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn of a conversation. `calls` are tools that the assistant wanted called, `call_id` is the one answered."""

    role: Role
    content: str
    calls: tuple[ToolCall, ...] = ()
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class GroundingOptions:
    """Which collection grounds the answer, and how it is searched; None does as the collection has decided."""

    collection: str
    top_k: int | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    documents: tuple[str, ...] = ()
    expand: bool | None = None
    rerank: str | None = None


@dataclass(frozen=True, slots=True)
class SamplingOptions:
    """Model parameters; None leaves the model's default."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class CacheOptions:
    """How fresh a cached answer must be (ADR-0011); None does as the collection has decided. Times in seconds.

    `ttl_seconds` is the greatest age that is served; `stale_while_revalidate_seconds` how long after its invalidation
    an answer is served once more while it is made anew; `semantic` whether answers to paraphrases may be given where
    the evidence allows it (ADR-0014).
    """

    freshness: Freshness | None = None
    max_staleness_seconds: float | None = None
    stale_while_revalidate_seconds: float | None = None
    ttl_seconds: float | None = None
    semantic: bool | None = None

    def validate(self) -> None:
        """Raise InvalidInput for a time out of its bounds."""
        _at_most("max_staleness_seconds", self.max_staleness_seconds, MAX_STALENESS_SECONDS)
        _at_most("stale_while_revalidate_seconds", self.stale_while_revalidate_seconds, MAX_REVALIDATE_SECONDS)
        _at_most("ttl_seconds", self.ttl_seconds, None)


def _at_most(name: str, value: float | None, limit: float | None) -> None:
    if value is not None and (value < 0 or (limit is not None and value > limit)):
        raise InvalidInput(f"{name} is {value:g}; it must be " + (f"0-{limit:g}" if limit else "0 or more"))


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a numbered statement of the answer comes from; offsets are UTF-8 bytes of the version's text."""

    number: int
    document: str
    version: int
    title: str
    heading_path: tuple[str, ...]
    start_byte: int
    end_byte: int
    quote: str
    score: float


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a model call; zero for an extracted answer.

    Of the prompt's tokens some were read from the provider's cache or written to it, of the completion's some are
    reasoning.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class SemanticMatch:
    """The question whose cached answer was given: `predicted` is how likely it is right, `hit` names it in feedback."""

    hit: str
    question: str
    cosine: float
    predicted: float


@dataclass(frozen=True, slots=True)
class PanelOptions:
    """How experts answer: how many of them, how their drafts become one, and all within `deadline_seconds`.

    `model` writes the answer of a synthesis; None: that of the first expert that has one.
    """

    top_k: int = 1
    fusion: Fusion = "best"
    deadline_seconds: float = 30.0
    model: str | None = None

    def validate(self) -> None:
        """Raise InvalidInput for numbers out of their bounds."""
        if not 1 <= self.top_k <= MAX_EXPERTS:
            raise InvalidInput(f"experts.top_k is {self.top_k}; it must be 1-{MAX_EXPERTS}")
        if not 0 < self.deadline_seconds <= MAX_PANEL_SECONDS:
            raise InvalidInput(
                f"experts.deadline_seconds is {self.deadline_seconds:g}; it must be 0-{MAX_PANEL_SECONDS}"
            )


@dataclass(frozen=True, slots=True)
class PromptUse:
    """A prompt to be asked with, its version by label (none: production) or by number; its variables' values."""

    name: str
    label: str | None = None
    version: int | None = None
    variables: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PromptUsed:
    """The version of a prompt that a question was asked with."""

    name: str
    version: int


@dataclass(frozen=True, slots=True)
class ConversationState:
    """A conversation after an answer: how many messages it has, and what of the earlier ones the model was shown.

    `shown` of them as they were said, the first `summarised` in a summary, `left_out` not at all. `position` is the
    token of the write that saved the answer; None: it could not be saved.
    """

    id: str
    messages: int
    shown: int
    summarised: int
    left_out: int
    position: str | None


@dataclass(frozen=True, slots=True)
class DraftReport:
    """What came of one expert: `outcome` is answered, or the code of its failure."""

    expert: str
    collection: str | None
    weight: float
    outcome: str
    milliseconds: float
    cache: CacheLayer | None
    usd: float


@dataclass(frozen=True, slots=True)
class PanelReport:
    """Who answered and why: the gate's weights, whether anybody was for it, and what came of those who were asked.

    `decision` names the routing in feedback.
    """

    decision: str
    version: int | None
    weights: Mapping[str, float]
    in_scope: float
    out_of_scope: bool
    fusion: str
    drafts: tuple[DraftReport, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """Something on the way to an answer is done: routed, retrieved, or an expert by name."""

    stage: str
    what: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `stages` are milliseconds; `age_seconds` counts from its making when cached.

    `served_by` is the provider and its model that made it, at a price of `usd`.
    """

    id: str
    created: int
    model: str
    text: str
    finish_reason: str
    usage: Usage
    citations: tuple[Citation, ...]
    cache: CacheLayer
    position: str
    stages: Mapping[str, float]
    extracted: bool = False
    grounded: bool = False
    age_seconds: float = 0.0
    degraded: tuple[str, ...] = ()
    semantic: SemanticMatch | None = None
    calls: tuple[ToolCall, ...] = ()
    served_by: str = ""
    usd: float = 0.0
    panel: PanelReport | None = None
    prompt: PromptUsed | None = None
    conversation: ConversationState | None = None


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """A piece of a streamed answer: text or pieces of tool calls, and in the last piece the whole answer.

    `restarted`: what was said before counts no longer, the answer begins anew with this piece.
    """

    text: str
    answer: Answer | None = None
    restarted: bool = False
    calls: tuple[ToolCallPiece, ...] = ()
    progress: Progress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerQuestion(Query[Answer]):
    """What is the answer to this conversation? Streaming sends the same query to `QueryBus.stream`.

    `prompt` goes before the messages; it may name the model, if the question names none (""). `prompted` says which
    version is in the messages already. `conversation` is one that is remembered ("new" begins one): what was said in
    it goes before the messages, and they and the answer are added to it. `adapter` is one of the model's (LoRA).
    """

    name: ClassVar[str] = "answers.answer_question"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = ("knowledge.search", FRESHNESS_MODEL, CATALOGUE_MODEL)

    messages: tuple[ChatMessage, ...]
    model: str
    grounding: GroundingOptions | None = None
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    use_cache: bool = True
    cache: CacheOptions = field(default_factory=CacheOptions)
    tools: ToolUse | None = None
    form: AnswerForm | None = None
    panel: PanelOptions | None = None
    prompt: PromptUse | None = None
    prompted: PromptUsed | None = None
    conversation: str | None = None
    adapter: str = ""

    def depends_on(self) -> tuple[str, ...]:
        """Experts, who may have prompts, are asked only where the model says so."""
        experts = (ROUTING_MODEL,) if self.model == EXPERTS else ()
        prompts = (PROMPTS_MODEL,) if self.prompt or experts else ()
        conversations = (CONVERSATIONS_MODEL,) if self.conversation else ()
        return (*self.read_models, *experts, *prompts, *conversations)

    def needs(self) -> tuple[Scope, ...]:
        """An answer from documents, cached or not, is for who may read them."""
        return (self.scope, Scope.KNOWLEDGE_READ) if self.grounding else (self.scope,)

    def touches(self) -> str:
        """The collection that it is answered from."""
        return resource_of(self.grounding)

    def validate(self) -> None:
        # a prompt may say all there is to say
        if self.prompt is None and not any(one.role == "user" and one.content.strip() for one in self.messages):
            raise InvalidInput("messages must contain at least one user message with text")
        if len(self.messages) > MAX_MESSAGES:
            raise InvalidInput(f"{len(self.messages)} messages were given; at most {MAX_MESSAGES} are allowed")
        if sum(len(message.content) for message in self.messages) > MAX_MESSAGE_CHARACTERS:
            raise InvalidInput(f"messages are longer than {MAX_MESSAGE_CHARACTERS} characters in all")
        self.cache.validate()
        if self.tools is not None and self.conversation is not None:
            raise InvalidInput("tools cannot be called in a remembered conversation: send its turns as messages")
        if self.tools is not None:
            self.tools.validate()
        if self.form is not None:
            self.form.validate()
        if self.panel is not None:
            self.panel.validate()

    @property
    def question(self) -> str:
        """The last user message: what retrieval searches for."""
        return next(message.content for message in reversed(self.messages) if message.role == "user")


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model that can be asked; `kind` is extractive, llamacpp or openai_http."""

    id: str
    kind: str
    owned_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListModels(Query[tuple[ModelView, ...]]):
    """Which models can answer?"""

    name: ClassVar[str] = "answers.list_models"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = (CATALOGUE_MODEL, ROUTING_MODEL)
