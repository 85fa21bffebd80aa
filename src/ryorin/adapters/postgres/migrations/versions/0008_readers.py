"""Whose documents a collection holds, where not everyone may read everything."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """NULL: everyone may read everything."""
    op.execute("ALTER TABLE answer_collections ADD COLUMN readers text[]")
