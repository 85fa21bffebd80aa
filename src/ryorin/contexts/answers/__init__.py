"""Answers: grounded chat completions with citations, and the cache that keeps them fresh."""
