"""The read side of the gateway."""
