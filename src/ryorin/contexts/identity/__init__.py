"""Identity: organisations, users, API keys, and who a credential belongs to."""
