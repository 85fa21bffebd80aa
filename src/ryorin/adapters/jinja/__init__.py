"""Templates by Jinja."""
