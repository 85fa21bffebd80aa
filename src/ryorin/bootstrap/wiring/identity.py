"""Who says who somebody is, besides our own keys."""

from __future__ import annotations

import httpx

from ryorin.adapters.oidc.keys import IssuerKeys
from ryorin.adapters.oidc.verifier import OidcVerifier, TokenRules
from ryorin.bootstrap.settings import OidcSettings
from ryorin.contexts.identity.module import TokenVerifier
from ryorin.contexts.identity.roles import Role

# Clerk's session tokens: version 2 has the organisation in `o`, version 1 in claims of its own
# (clerk.com/docs/backend-requests/resources/session-tokens)
CLERK_ORGANISATION, CLERK_ROLES = ("o.id", "org_id"), ("o.rol", "org_role")
CLERK_MAP = {"admin": Role.ADMIN, "org:admin": Role.ADMIN, "member": Role.VIEWER, "org:member": Role.VIEWER}


def token_verifier(settings: OidcSettings, client: httpx.AsyncClient) -> TokenVerifier | None:
    """What the settings say; None without an issuer."""
    if settings.issuer is None:
        return None
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
