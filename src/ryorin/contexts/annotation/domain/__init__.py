"""The rules of annotation."""
