"""Redis, shared by server processes; never relied upon."""
