"""Vertical contexts: each owns a part of the domain, and none imports another."""
