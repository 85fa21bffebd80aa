"""What evaluating means: metrics and statistics."""
