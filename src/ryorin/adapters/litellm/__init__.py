"""Models of a hundred providers through LiteLLM, which is installed by the extra `providers`."""
