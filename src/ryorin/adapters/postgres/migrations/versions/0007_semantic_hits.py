"""Questions whose answers may serve paraphrases, what was learned about that, and what was given."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE semantic_questions (
    org_id text NOT NULL,
    -- everything but the words of the question
    family text NOT NULL,
    key text NOT NULL,
    question text NOT NULL,
    passages text[] NOT NULL,
    vector halfvec NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, key)
);
CREATE INDEX semantic_questions_family ON semantic_questions (org_id, family);
CREATE INDEX semantic_questions_expiry ON semantic_questions (expires_at);
CREATE TABLE semantic_observations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id text NOT NULL,
    scope text NOT NULL,
    key text NOT NULL,
    likeness jsonb NOT NULL,
    right_answer boolean NOT NULL,
    uniform boolean NOT NULL,
    observed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX semantic_observations_scope ON semantic_observations (org_id, scope, id);
CREATE TABLE semantic_hits (
    org_id text NOT NULL,
    id text NOT NULL,
    scope text NOT NULL,
    key text NOT NULL,
    likeness jsonb NOT NULL,
    -- what a person said, if one did
    right_answer boolean,
    given_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id)
);
CREATE INDEX semantic_hits_scope ON semantic_hits (org_id, scope, given_at);
"""


def upgrade() -> None:
    """Three tables that fill where semantic hits are wanted."""
    op.execute(TABLES)
