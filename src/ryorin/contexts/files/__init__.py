"""Files that were uploaded once, to become documents of any collection (OpenAI's /v1/files)."""
