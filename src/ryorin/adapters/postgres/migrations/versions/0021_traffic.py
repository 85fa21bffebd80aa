"""What was given with prompts: sums and histograms by minute, stored answers, their scores, what was said of them."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE prompt_traffic (
    org_id text NOT NULL,
    prompt text NOT NULL,
    version int NOT NULL,
    label text NOT NULL,
    minute timestamptz NOT NULL,
    answers bigint NOT NULL,
    failed bigint NOT NULL,
    cached bigint NOT NULL,
    stale bigint NOT NULL,
    prompt_tokens bigint NOT NULL,
    completion_tokens bigint NOT NULL,
    nanos bigint NOT NULL,
    PRIMARY KEY (org_id, prompt, label, version, minute)
);
CREATE TABLE prompt_histograms (
    org_id text NOT NULL,
    prompt text NOT NULL,
    version int NOT NULL,
    label text NOT NULL,
    minute timestamptz NOT NULL,
    measure text NOT NULL,
    bucket smallint NOT NULL,
    answers bigint NOT NULL,
    PRIMARY KEY (org_id, prompt, label, measure, minute, version, bucket)
);
CREATE TABLE answer_samples (
    org_id text NOT NULL,
    id text NOT NULL,
    answer_id text NOT NULL,
    prompt text NOT NULL,
    version int NOT NULL,
    label text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    sample jsonb NOT NULL,
    collection text,
    documents text[] NOT NULL,
    readers text[],
    vector bytea,
    attempts smallint NOT NULL DEFAULT 0,
    leased_until timestamptz,
    scored_at timestamptz,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX ON answer_samples (org_id, prompt, asked_at);
CREATE INDEX ON answer_samples (org_id, answer_id);
CREATE INDEX ON answer_samples (asked_at) WHERE scored_at IS NULL;
CREATE INDEX ON answer_samples USING gin (documents);
CREATE TABLE sample_scores (
    org_id text NOT NULL,
    sample text NOT NULL,
    objective text NOT NULL,
    outcome text NOT NULL,
    value double precision,
    detail text NOT NULL,
    PRIMARY KEY (org_id, sample, objective),
    FOREIGN KEY (org_id, sample) REFERENCES answer_samples (org_id, id) ON DELETE CASCADE
);
CREATE TABLE answer_feedback (
    org_id text NOT NULL,
    id text NOT NULL,
    answer_id text,
    rating text,
    correction text,
    comment text NOT NULL,
    principal text NOT NULL,
    given_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id)
);
CREATE INDEX ON answer_feedback (org_id, answer_id);
"""


def upgrade() -> None:
    """Five tables."""
    op.execute(TABLES)
