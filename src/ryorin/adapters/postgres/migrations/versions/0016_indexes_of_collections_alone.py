"""Indexes of collections' answers hold nothing else, so that nobody can take them to look for a key.

Since PostgreSQL 18 an index is of use to those who do not name its first column ("skip scan"). Before there are
statistics those of collections looked as good as the key's again, and every question read all that was kept without a
collection.
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

INDEXES = """
DROP INDEX answer_ledger_live_collections;
CREATE INDEX answer_ledger_live_collections ON answer_ledger (collection, org_id)
    WHERE invalidated_at IS NULL AND collection IS NOT NULL;
DROP INDEX answers_by_collection;
CREATE INDEX answers_by_collection ON answers (collection, org_id)
    WHERE invalidated_at IS NULL AND collection IS NOT NULL;
DROP INDEX answers_outlines;
CREATE INDEX answers_outlines ON answers (collection, org_id, sequence)
    WHERE invalidated_at IS NULL AND collection IS NOT NULL;
DROP INDEX answers_invalidated;
CREATE INDEX answers_invalidated ON answers (collection, org_id)
    WHERE invalidated_at IS NOT NULL AND collection IS NOT NULL;
"""


def upgrade() -> None:
    """Build them anew."""
    op.execute(INDEXES)
