"""PostgreSQL 15+ with pgvector 0.8+: log, queue state, read models, vectors, L2 cache."""
