"""The write side of webhooks."""
