"""The gateway: which models there are, who serves them, what they cost and who may spend how much."""
