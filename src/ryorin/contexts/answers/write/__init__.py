"""What can be done about cached answers."""
