"""Whether an answer, a prompt or a model is good, and whether it is better than another."""
