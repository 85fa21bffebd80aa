"""The write side of the gateway."""
