"""GraphQL: the same questions and changes, through the same bus, in one request."""
