"""Aggregates, values and algorithms of knowledge; pure."""
