"""What an answer was made from as one digest, so that an invalidated one can be recognised as right again."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Answers kept before have other keys; they would never be found again."""
    op.execute("DELETE FROM answers")
    op.execute("ALTER TABLE answers ADD COLUMN context text")
