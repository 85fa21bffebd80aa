"""The read side of files."""
