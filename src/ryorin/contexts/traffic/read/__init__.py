"""The read side of traffic."""
