"""Routing: experts, and the gating network that says which of them a question is for."""
