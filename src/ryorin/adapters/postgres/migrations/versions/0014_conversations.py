"""What was said in conversations, by its hash; erased with its conversation, without touching the log."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

CONVERSATIONS = """
CREATE TABLE conversation_texts (
    org_id text NOT NULL,
    conversation text NOT NULL,
    content_hash text NOT NULL,
    content text NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, conversation, content_hash)
);
"""


def upgrade() -> None:
    """Nothing was remembered before."""
    op.execute(CONVERSATIONS)
