"""Aggregates and arithmetic of the gateway; pure."""
