"""The read side of prompts."""
