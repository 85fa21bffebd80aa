"""Answers that people judge, and what they found; results of evaluations are found by what they quote."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE annotation_items (
    org_id text NOT NULL,
    queue text NOT NULL,
    item text NOT NULL,
    batch text NOT NULL,
    queued boolean NOT NULL DEFAULT false,
    evaluation text,
    content jsonb NOT NULL,
    documents text[] NOT NULL,
    readers text[],
    stored_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, queue, item)
);
CREATE INDEX ON annotation_items USING gin (documents);
CREATE TABLE annotations (
    org_id text NOT NULL,
    queue text NOT NULL,
    item text NOT NULL,
    principal text NOT NULL,
    passed boolean,
    comment text NOT NULL DEFAULT '',
    given_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, queue, item, principal)
);
CREATE INDEX ON evaluation_results USING gin ((result->'answered'->'documents'));
"""


def upgrade() -> None:
    """Two tables and an index."""
    op.execute(TABLES)
