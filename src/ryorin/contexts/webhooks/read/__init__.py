"""The read side of webhooks."""
