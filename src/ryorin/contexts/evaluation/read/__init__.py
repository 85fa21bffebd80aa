"""The read side of evaluation."""
