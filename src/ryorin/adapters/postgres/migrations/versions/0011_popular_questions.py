"""What was asked, to answer it again after documents changed, and how often."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

POPULAR = """
-- the question with its readers, of an answer from documents
ALTER TABLE answers ADD COLUMN question jsonb;
CREATE INDEX answers_invalidated ON answers (collection, org_id) WHERE invalidated_at IS NOT NULL;
CREATE TABLE answer_popularity (
    org_id text NOT NULL,
    key text NOT NULL,
    uses bigint NOT NULL,
    used_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, key)
);
"""


def upgrade() -> None:
    """Questions that were kept before are not known."""
    op.execute(POPULAR)
