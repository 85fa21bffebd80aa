"""Items of datasets and results of evaluations: plain state, so that it can be erased (ADR-0029)."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE evaluation_contents (
    org_id text NOT NULL,
    content_hash text NOT NULL,
    content bytea NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, content_hash)
);
CREATE TABLE evaluation_results (
    org_id text NOT NULL,
    evaluation text NOT NULL,
    item text NOT NULL,
    result jsonb NOT NULL,
    measured_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, evaluation, item)
);
"""


def upgrade() -> None:
    """Two tables."""
    op.execute(TABLES)
