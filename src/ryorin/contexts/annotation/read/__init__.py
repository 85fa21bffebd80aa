"""The read side of annotation."""
