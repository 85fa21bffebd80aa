"""What cached answers were made from, kept after the answers themselves are gone."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

LEDGER = """
CREATE TABLE answer_ledger (
    org_id text NOT NULL,
    id text NOT NULL,
    key text NOT NULL,
    collection text,
    model text NOT NULL,
    lexicon_epoch integer,
    provenance jsonb NOT NULL,
    -- for "which answers used this document?"
    documents text[] NOT NULL,
    transaction_id xid8 NOT NULL,
    position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    invalidated_at timestamptz,
    invalidation text,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX answer_ledger_documents ON answer_ledger USING gin (documents);
CREATE INDEX answer_ledger_live ON answer_ledger (org_id, key) WHERE invalidated_at IS NULL;
CREATE INDEX answer_ledger_live_collections ON answer_ledger (org_id, collection) WHERE invalidated_at IS NULL;
CREATE INDEX answer_ledger_age ON answer_ledger (created_at);
"""


OUTLINES = """
CREATE SEQUENCE answer_sequence;
ALTER TABLE answers ADD COLUMN outline bytea, ADD COLUMN sequence bigint NOT NULL DEFAULT nextval('answer_sequence');
CREATE INDEX answers_outlines ON answers (org_id, collection, sequence) WHERE invalidated_at IS NULL;
"""


def upgrade() -> None:
    """Answers kept before have no provenance; they are made again when they are asked for."""
    op.execute(LEDGER)
    op.execute("DELETE FROM answers")
    op.execute(OUTLINES)
