"""Shapes of bodies, with examples that run."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ryorin.contexts.identity.roles import Role
from ryorin.kernel.messages import Scope


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(examples=["urn:ryorin:problem:document_not_found"])
    title: str
    status: int
    detail: str
    code: str
    errors: list[dict[str, Any]] | None = None


class Written(BaseModel):
    """A write that is done: send `consistency_token` with a read that must see it."""

    command: str
    consistency_token: str | None = Field(examples=["765-2"])
    result: dict[str, Any]


class CommandState(BaseModel):
    """A command: accepted, running, succeeded, failed, dead or cancelled."""

    id: str
    name: str
    state: str
    ended: bool
    attempts: int
    accepted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    next_attempt_at: datetime | None
    payload: dict[str, Any]
    progress: dict[str, Any] | None
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    position: str | None
    sequence: int


class Body(BaseModel):
    """What a caller sends: a field that is not known is a mistake and not a wish to be passed over."""

    model_config = ConfigDict(extra="forbid")


class FetchBody(Body):
    """Where a document is to be fetched from, and what is to be said of it; what is left out stays as it is."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"url": "https://example.com/handbook.html", "tags": ["web"]}]}
    )

    url: str = Field(max_length=2000)
    title: str | None = Field(default=None, max_length=500)
    metadata: dict[str, str] | None = None
    tags: list[str] | None = None
    readers: list[str] | None = None


class RetryBody(Body):
    """What is different when a command is tried again: fields of its payload, for administrators."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"payload": {"filename": "office.md"}}]})

    payload: dict[str, Any] | None = None


class CollectionBody(Body):
    """What a collection is for."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"description": "The handbook"}]})

    description: str = Field(default="", max_length=2000)


class RetrieveBody(Body):
    """Further wordings of questions: whether, and how long they may take."""

    expand: bool | None = None
    deadline_seconds: float | None = None


class FuseBody(Body):
    """What vectors count against words: 0 for words alone, 1 for vectors alone."""

    dense_weight: float | None = None


class RerankBody(Body):
    """Who judges how many of the first candidates anew: "features", an alias, or "none"."""

    by: str | None = None
    pool: int | None = None
    freshness: float | None = Field(default=None, description="What the newest document gains, in logits")
    half_life_days: float = 90.0


class AnswerBody(Body):
    """From how many chunks answers are made."""

    top_k: int | None = None


class CacheBody(Body):
    """How fresh cached answers must be (times in seconds), and whether they may serve paraphrases."""

    freshness: Literal["strict", "bounded", "ttl"] | None = None
    max_staleness_seconds: float | None = None
    stale_while_revalidate_seconds: float | None = None
    ttl_seconds: float | None = None
    semantic: bool | None = None
    semantic_bound: float | None = None


class PipelineBody(Body):
    """The stages of searches in a collection; what is left out is as the server does it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"rerank": {"by": "features", "pool": 20}, "answer": {"top_k": 8}}]}
    )

    retrieve: RetrieveBody = RetrieveBody()
    fuse: FuseBody = FuseBody()
    rerank: RerankBody = RerankBody()
    answer: AnswerBody = AnswerBody()
    cache: CacheBody = CacheBody()


class IndexBody(Body):
    """Where a collection's vectors are kept, and by which embedding they are made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"store": "pgvector", "storage": "binary"}]})

    store: Literal["pgvector", "qdrant", "libsql"] = "pgvector"
    embedding: str = Field(default="default", max_length=100)
    storage: Literal["halfvec", "binary"] = "halfvec"


class LikeBody(Body):
    """Documents to find more like, and documents to keep away from."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"like": ["office/hours.md"], "limit": 3}]})

    like: list[str] = Field(min_length=1, max_length=100)
    unlike: list[str] = Field(default=[], max_length=100)
    limit: int = 5


class FilterBody(Body):
    """Only documents with all these tags and metadata, or with these ids."""

    tags: list[str] = []
    metadata: dict[str, str] = {}
    documents: list[str] = []


class SearchBody(Body):
    """A search; `variants` are further wordings of the same question."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"query": "When does the office open?", "top_k": 3}]})

    query: str
    variants: list[str] = []
    top_k: int | None = Field(default=None, description="How many hits; the collection's number, or 5")
    mode: Literal["fused", "vector", "lexical"] = "fused"
    rerank: str | None = Field(
        default=None, max_length=100, description='Who orders the first candidates anew: "features", an alias, "none"'
    )
    expand: bool | None = Field(
        default=None, description="Search with further wordings too, if they come in time; as the collection has it"
    )
    explain: bool = Field(default=False, description="Tell the path of every candidate through the stages")
    deadline_seconds: float | None = Field(default=None, description="How long to wait for them")
    filter: FilterBody = FilterBody()


class ExpandBody(Body):
    """A question to be worded differently; with a collection, its passages may suggest words."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"query": "When does the office open?", "japanese_count": 1}]}
    )

    query: str
    japanese_count: int = 1
    english_count: int = 3
    collection: str | None = None


class TagsBody(Body):
    """Tags to add and to remove."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"add": ["handbook"], "remove": []}]})

    add: list[str] = Field(default=[], max_length=100)
    remove: list[str] = Field(default=[], max_length=100)


class ReadersBody(Body):
    """All who may read a document: user:NAME, group:NAME, or * for everyone in the organisation."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"readers": ["user:alice", "group:legal"]}]})

    readers: list[str] = Field(max_length=100)


class RestoreBody(Body):
    """The version to restore."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"version": 1}]})

    version: int = Field(ge=1, le=2**31 - 1)


class KeyBody(Body):
    """A new API key."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"label": "website", "scopes": ["answers:read", "knowledge:read"]}]}
    )

    label: str
    scopes: list[Scope] = Field(default=[], description="None: what the roles of its user and groups allow")
    user: str = Field(default="", description="Whoever holds the key reads documents shared with user:NAME")
    groups: list[str] = Field(default=[], max_length=100, description="And those shared with group:NAME of these")
    expires_in_days: int | None = Field(default=None, ge=1, le=3650)


class RotationBody(Body):
    """A successor of an API key."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_seconds": 3600}]})

    overlap_seconds: int = Field(default=0, ge=0, le=30 * 86_400, description="How long the old key goes on")
    expires_in_days: int | None = Field(default=None, ge=1, le=3650)


class UserBody(Body):
    """A new user."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user": "crawler", "display_name": "Nightly crawler", "kind": "service"}]}
    )

    user: str = Field(description="As keys and roles name it; for people, what their tokens say (`sub`)")
    display_name: str = ""
    kind: Literal["person", "service"] = "person"


class RoleBody(Body):
    """Who has which role where."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"subject": "user:alice", "role": "editor", "resource": "collection:handbook"}]}
    )

    subject: str = Field(description="`user:NAME` or `group:NAME`")
    role: Role
    resource: str = Field(default="", description="`collection:NAME`, `prompt:NAME`; empty: the organisation")


class CreatedKey(Written):
    """A new API key; `key` is shown this once and kept nowhere."""

    prefix: str = Field(description="Names the key, for example to revoke it")
    key: str
