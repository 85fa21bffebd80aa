"""What a generation's tables were made from: an upgrade that changes them has the projection rebuilt."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Generations made before have no fingerprint, and so are rebuilt once."""
    op.execute("ALTER TABLE projection_generations ADD COLUMN fingerprint text NOT NULL DEFAULT ''")
