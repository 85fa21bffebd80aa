"""What was spent on models, and what is set aside for calls under way; money in billionths of a USD."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SPENDING = """
CREATE TABLE gateway_spending (
    org_id text NOT NULL,
    subject text NOT NULL,
    period_start date NOT NULL,
    spent bigint NOT NULL,
    reserved bigint NOT NULL,
    PRIMARY KEY (org_id, subject, period_start)
);
CREATE TABLE gateway_reservations (
    id uuid NOT NULL,
    org_id text NOT NULL,
    subject text NOT NULL,
    period_start date NOT NULL,
    nanos bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (id, subject)
);
CREATE INDEX ON gateway_reservations (expires_at);
CREATE TABLE gateway_usage (
    org_id text NOT NULL,
    day date NOT NULL,
    principal text NOT NULL,
    alias text NOT NULL,
    deployment text NOT NULL,
    calls bigint NOT NULL,
    failed bigint NOT NULL,
    input bigint NOT NULL,
    cached_read bigint NOT NULL,
    cache_write bigint NOT NULL,
    output bigint NOT NULL,
    reasoning bigint NOT NULL,
    nanos bigint NOT NULL,
    PRIMARY KEY (org_id, day, principal, alias, deployment)
);
"""


def upgrade() -> None:
    """Nothing was counted before."""
    op.execute(SPENDING)
