"""How answers are made from passages, and what makes two questions the same; pure."""
