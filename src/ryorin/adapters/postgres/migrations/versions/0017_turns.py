"""Whose turn it is in a queue is found among open commands alone, organisation by organisation."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

INDEXES = """
CREATE INDEX commands_turns ON commands (queue, org_id, accepted_at, id)
    WHERE state IN ('accepted', 'running') OR (state = 'failed' AND next_attempt_at IS NOT NULL);
CREATE INDEX commands_under_way ON commands (queue, org_id) WHERE state = 'running';
"""


def upgrade() -> None:
    """Index what is open, and what runs."""
    op.execute(INDEXES)
