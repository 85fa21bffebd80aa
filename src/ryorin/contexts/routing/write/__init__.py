"""The write side of routing."""
