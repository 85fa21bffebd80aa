"""Conversations that are remembered, and what their users prefer; texts lie where they can be erased."""
