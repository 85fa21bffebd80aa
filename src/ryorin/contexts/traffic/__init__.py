"""Answers that were given with prompts: what they cost, whether they were good enough, what people said of them."""
