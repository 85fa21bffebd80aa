"""Aggregates of routing and the gating network; pure."""
