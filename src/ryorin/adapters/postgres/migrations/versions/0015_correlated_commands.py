"""Commands that were sent together are found together."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A command that was sent alone has an id of its own here."""
    op.execute("CREATE INDEX commands_together ON commands (org_id, correlation_id, sequence)")
