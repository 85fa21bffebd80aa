"""The write side of identity."""
