"""OpenID Connect: tokens of an issuer, verified here with its public keys."""
