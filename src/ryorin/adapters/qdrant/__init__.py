"""Qdrant: a server by URL through the official client, or in this process through qdrant-edge."""
