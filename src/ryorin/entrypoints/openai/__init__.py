"""OpenAI-compatible endpoints under /v1: any OpenAI client works unchanged."""
