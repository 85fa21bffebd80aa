"""Trained gates, examples, and decisions that may be judged; all of it can be erased without touching the log."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ROUTING = """
CREATE TABLE routing_objects (
    org_id text NOT NULL,
    content_hash text NOT NULL,
    content bytea NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, content_hash)
);
CREATE TABLE routing_decisions (
    org_id text NOT NULL,
    id text NOT NULL,
    question text NOT NULL,
    decision jsonb NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT now(),
    judged_at timestamptz,
    expert text,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX ON routing_decisions (org_id, judged_at) WHERE judged_at IS NOT NULL;
CREATE INDEX ON routing_decisions (decided_at) WHERE judged_at IS NULL;
"""


def upgrade() -> None:
    """Nothing was routed before."""
    op.execute(ROUTING)
