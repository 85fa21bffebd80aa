"""The write side of traffic."""
