"""The read side of routing."""
