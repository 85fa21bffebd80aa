"""The write side of files."""
