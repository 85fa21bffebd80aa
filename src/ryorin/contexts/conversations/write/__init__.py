"""The write side of conversations."""
