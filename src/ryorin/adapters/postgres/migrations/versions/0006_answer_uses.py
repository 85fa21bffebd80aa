"""How questions were answered, by day, collection, model and layer."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

USES = """
CREATE TABLE answer_uses (
    org_id text NOT NULL,
    day date NOT NULL,
    -- empty for answers without documents
    collection text NOT NULL,
    model text NOT NULL,
    layer text NOT NULL,
    requests bigint NOT NULL,
    prompt_tokens bigint NOT NULL,
    completion_tokens bigint NOT NULL,
    PRIMARY KEY (org_id, day, collection, model, layer)
);
"""


def upgrade() -> None:
    """A small table of sums."""
    op.execute(USES)
