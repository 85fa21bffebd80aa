"""Flows across contexts; they reach each context through the buses and its front door only."""
