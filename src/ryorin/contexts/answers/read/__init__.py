"""What answering needs from outside."""
