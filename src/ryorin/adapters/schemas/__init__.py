"""JSON schemas."""
