"""Aggregates of identity; pure."""
