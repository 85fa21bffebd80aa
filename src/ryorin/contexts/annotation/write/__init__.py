"""The write side of annotation."""
