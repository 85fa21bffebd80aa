"""Edges: parse, make a message, hand it to a bus, render the answer."""
