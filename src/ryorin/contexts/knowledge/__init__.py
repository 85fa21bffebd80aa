"""Knowledge: collections, documents and their versions, chunks, tags and search."""
