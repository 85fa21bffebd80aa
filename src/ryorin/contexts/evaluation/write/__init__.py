"""The write side of evaluation."""
