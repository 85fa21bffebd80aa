"""Contents that nobody names any more are found and dropped (ADR-0026)."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE chunk_sets ADD COLUMN used_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX events_naming_chunk_sets ON events (org_id, (data->>'chunk_set'))
    WHERE type = 'knowledge.document_version_indexed';
CREATE TABLE doomed_contents (
    org_id text NOT NULL,
    content_hash text NOT NULL,
    doomed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, content_hash)
);
"""


def upgrade() -> None:
    """When chunk sets were used, which events name them, and contents that are to be dropped."""
    op.execute(TABLES)
