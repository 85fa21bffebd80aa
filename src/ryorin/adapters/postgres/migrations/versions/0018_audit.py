"""An organisation's events are read in the log's order."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Index the log by organisation."""
    op.execute("CREATE INDEX events_of_organisations ON events (org_id, transaction_id, position)")
