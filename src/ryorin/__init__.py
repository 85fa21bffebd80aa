"""Ryorin: a self-hosted server for LLM applications whose answers follow the documents."""

__version__ = "0.1.0"
