"""Fetches contents from the web, and from nowhere else."""
