"""The aggregate of files; pure."""
