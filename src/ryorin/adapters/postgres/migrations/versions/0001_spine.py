"""The event log, the command log, projections' checkpoints and the plain state of knowledge and answers."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

EVENTS = """
CREATE TABLE events (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
    org_id text NOT NULL,
    stream_type text NOT NULL,
    stream_id text NOT NULL,
    version integer NOT NULL,
    type text NOT NULL,
    schema_version integer NOT NULL,
    data jsonb NOT NULL,
    metadata jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (org_id, stream_id, version)
);
-- readers follow the log in this order, see PostgresEventStore.read_all
CREATE INDEX events_settled_order ON events (transaction_id, position);
"""

COMMANDS = """
CREATE TABLE commands (
    id uuid PRIMARY KEY,
    sequence bigint GENERATED ALWAYS AS IDENTITY,
    org_id text NOT NULL,
    name text NOT NULL,
    payload jsonb NOT NULL,
    body_hash text NOT NULL,
    idempotency_key text,
    correlation_id text NOT NULL,
    traceparent text,
    actor jsonb NOT NULL,
    queue text NOT NULL,
    state text NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    interruptions integer NOT NULL DEFAULT 0,
    lease uuid,
    lease_owner text,
    lease_expires_at timestamptz,
    next_attempt_at timestamptz,
    progress jsonb,
    result jsonb,
    error jsonb,
    transaction_id xid8,
    position bigint,
    accepted_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz
);
CREATE UNIQUE INDEX commands_idempotency ON commands (org_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX commands_listing ON commands (org_id, sequence DESC);
-- small at all times: what the sweeper and the queue gauges look at
CREATE INDEX commands_open ON commands (sequence) WHERE state IN ('accepted', 'running', 'failed');
"""

PROJECTIONS = """
CREATE TABLE projection_generations (
    name text NOT NULL,
    generation integer NOT NULL,
    state text NOT NULL CHECK (state IN ('active', 'building', 'retired')),
    transaction_id xid8 NOT NULL DEFAULT '0',
    position bigint NOT NULL DEFAULT 0,
    error text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, generation)
);
CREATE UNIQUE INDEX projection_active ON projection_generations (name) WHERE state = 'active';
"""

KNOWLEDGE = """
CREATE TABLE chunk_sets (
    org_id text NOT NULL,
    id text NOT NULL,
    text text NOT NULL,
    title text NOT NULL,
    media_type text NOT NULL,
    language text,
    chunks jsonb NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE TABLE embeddings (
    org_id text NOT NULL,
    model_id text NOT NULL,
    passage_hash text NOT NULL,
    vector halfvec NOT NULL,
    -- how often this vector was computed: 1, or work was done twice (benchmarks/crash.py counts it)
    computed integer NOT NULL DEFAULT 1,
    PRIMARY KEY (org_id, model_id, passage_hash)
);
"""

ANSWERS = """
CREATE TABLE answers (
    org_id text NOT NULL,
    key text NOT NULL,
    id text NOT NULL,
    collection text,
    lexicon_epoch integer,
    answer jsonb NOT NULL,
    probe bytea,
    transaction_id xid8 NOT NULL,
    position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    invalidated_at timestamptz,
    invalidation text,
    PRIMARY KEY (org_id, key)
);
CREATE INDEX answers_by_collection ON answers (org_id, collection) WHERE invalidated_at IS NULL;
CREATE INDEX answers_expiry ON answers (expires_at);
CREATE TABLE answer_collections (
    org_id text NOT NULL,
    collection text NOT NULL,
    transaction_id xid8 NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (org_id, collection)
);
CREATE TABLE api_key_usage (
    org_id text NOT NULL,
    prefix text NOT NULL,
    last_used_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, prefix)
);
"""


def upgrade() -> None:
    """Create every table of the first version."""
    for statement in (EVENTS, COMMANDS, PROJECTIONS, KNOWLEDGE, ANSWERS):
        op.execute(statement)
