"""Who says who somebody is, besides our own keys."""

from __future__ import annotations

from contextlib import AsyncExitStack

import httpx

from ryorin.bootstrap.settings import OidcSettings, Settings
from ryorin.bootstrap.wiring.foundation import Foundation
from ryorin.bootstrap.wiring.redis import rate_limiter
from ryorin.contexts.identity.limits import Bucket
from ryorin.contexts.identity.module import (
    Authenticator,
    KeyDirectory,
    LimitedAuthenticator,
    TokenVerifier,
    Visitors,
    is_loopback,
)
from ryorin.contexts.identity.roles import Role

# Clerk's session tokens: version 2 has the organisation in `o`, version 1 in claims of its own
# (clerk.com/docs/backend-requests/resources/session-tokens)
CLERK_ORGANISATION, CLERK_ROLES = ("o.id", "org_id"), ("o.rol", "org_role")
CLERK_MAP = {"admin": Role.ADMIN, "org:admin": Role.ADMIN, "member": Role.VIEWER, "org:member": Role.VIEWER}


def authenticator(
    settings: Settings, base: Foundation, keys: KeyDirectory, client: httpx.AsyncClient, stack: AsyncExitStack
) -> Authenticator | LimitedAuthenticator:
    """Who somebody is, as often as he may ask."""
    known = Authenticator(
        keys, base.clock, local=is_loopback(settings.host), tokens=token_verifier(settings.oidc, client)
    )
    limits = settings.limits
    asked = {
        "key": (limits.key_per_minute, limits.key_burst),
        "organisation": (limits.organisation_per_minute, limits.organisation_burst),
    }
    buckets = {
        kind: Bucket(per_minute, burst or max(1, round(per_minute)))
        for kind, (per_minute, burst) in asked.items()
        if per_minute is not None
    }
    return LimitedAuthenticator(known, rate_limiter(settings, base, stack), buckets) if buckets else known


def visitors(settings: Settings, base: Foundation, stack: AsyncExitStack) -> Visitors:
    """Whoever reads what is public."""
    return Visitors(rate_limiter(settings, base, stack), settings.limits.public_per_minute)


def token_verifier(settings: OidcSettings, client: httpx.AsyncClient) -> TokenVerifier | None:
    """What the settings say; None without an issuer."""
    if settings.issuer is None:
        return None
    # cryptography takes a while to load, and most servers have keys only
    from ryorin.adapters.oidc.keys import IssuerKeys  # noqa: PLC0415
    from ryorin.adapters.oidc.verifier import OidcVerifier, TokenRules  # noqa: PLC0415

    clerk = settings.preset == "clerk"
    rules = TokenRules(
        issuer=settings.issuer,
        audience=settings.audience,
        authorized_parties=settings.authorized_parties,
        organisation=settings.organisation,
        organisation_claims=CLERK_ORGANISATION if clerk else (settings.organisation_claim,),
        role_claims=CLERK_ROLES if clerk else (settings.role_claim,),
        groups_claims=(settings.groups_claim,),
        user_claim=settings.user_claim,
        roles={**CLERK_MAP, **settings.roles} if clerk else settings.roles or {role.value: role for role in Role},
        leeway_seconds=settings.leeway_seconds,
    )
    return OidcVerifier(rules, IssuerKeys(settings.issuer, settings.jwks, client))
