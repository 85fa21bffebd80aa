"""The read side of conversations."""
