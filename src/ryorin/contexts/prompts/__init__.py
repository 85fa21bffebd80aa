"""Prompts as aggregates: immutable versions, and labels that move between them."""
