"""Answers whose bodies lie in object storage, and the objects that were ever put there."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

COLD = """
-- the object that holds answer and probe; of the answer only the model stays here
ALTER TABLE answers ADD COLUMN cold text, ADD COLUMN warm_since timestamptz NOT NULL DEFAULT now();
CREATE INDEX answers_warm ON answers (warm_since) WHERE cold IS NULL AND invalidated_at IS NULL;
CREATE TABLE cold_objects (
    name text PRIMARY KEY,
    org_id text NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now()
);
"""


def upgrade() -> None:
    """All answers are warm."""
    op.execute(COLD)
