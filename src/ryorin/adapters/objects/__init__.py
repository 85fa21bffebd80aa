"""Object storage: a folder, S3 and what speaks like it."""
