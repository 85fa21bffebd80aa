"""The write side of knowledge: one use case per file."""
