"""The work queue on Procrastinate, in the same PostgreSQL."""
