"""Indexes of collections' answers begin with the collection, so that nobody takes them to look for a key.

Before there are statistics, an index that begins with the organisation looks as good to the planner as the one on
organisation and key: every answer that was kept read all of the organisation's.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INDEXES = """
DROP INDEX answer_ledger_live_collections;
CREATE INDEX answer_ledger_live_collections ON answer_ledger (collection, org_id) WHERE invalidated_at IS NULL;
DROP INDEX answers_by_collection;
CREATE INDEX answers_by_collection ON answers (collection, org_id) WHERE invalidated_at IS NULL;
DROP INDEX answers_outlines;
CREATE INDEX answers_outlines ON answers (collection, org_id, sequence) WHERE invalidated_at IS NULL;
"""


def upgrade() -> None:
    """Build them anew."""
    op.execute(INDEXES)
