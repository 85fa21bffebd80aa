"""Ports in plain memory: for tests and for runs that need keep nothing."""
