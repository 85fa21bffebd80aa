"""The read side of identity."""
