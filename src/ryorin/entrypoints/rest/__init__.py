"""REST under /api/v1, with problem+json errors and an OpenAPI 3.1 description."""
