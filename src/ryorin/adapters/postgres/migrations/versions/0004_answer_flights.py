"""Answers being made, for processes that wait for the same; nothing that has to survive a crash."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FLIGHTS = """
CREATE UNLOGGED TABLE answer_flights (
    org_id text NOT NULL,
    key text NOT NULL,
    flight uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, key)
);
CREATE INDEX answer_flights_expiry ON answer_flights (expires_at);
CREATE UNLOGGED TABLE answer_flight_parts (
    flight uuid NOT NULL,
    number integer NOT NULL,
    text text NOT NULL,
    -- the whole one, with the last piece
    answer jsonb,
    told_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (flight, number)
);
"""


def upgrade() -> None:
    """Two unlogged tables: a crash of the database ends all flights."""
    op.execute(FLIGHTS)
