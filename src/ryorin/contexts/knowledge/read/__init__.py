"""The read side of knowledge: one query per file, and the projections that feed them."""
