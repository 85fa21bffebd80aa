"""The write side of prompts."""
