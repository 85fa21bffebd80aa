"""Verifies tokens of an OpenID issuer (OpenID Connect Core 1.0, RFC 7519, RFC 8725) without asking it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import jwt

from ryorin.adapters.oidc.keys import IssuerKeys
from ryorin.contexts.identity.read.ports import VerifiedToken
from ryorin.contexts.identity.roles import Role
from ryorin.kernel.errors import Unauthenticated
from ryorin.kernel.messages import OrgId

# asymmetric only: with "none" or a shared secret, whoever knows the public key could sign (RFC 8725 section 2.1)
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
MAX_TOKEN_CHARACTERS = 16_384
MAX_NAME_CHARACTERS = 200
MAX_GROUPS = 100


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must say, and where it says what; names of claims may have dots for objects within objects."""

    issuer: str
    audience: str | None = None
    authorized_parties: Sequence[str] = ()
    organisation: str | None = None
    organisation_claims: Sequence[str] = ("org_id",)
    role_claims: Sequence[str] = ("roles",)
    groups_claims: Sequence[str] = ("groups",)
    user_claim: str = "sub"
    roles: Mapping[str, Role] = field(default_factory=dict)
    leeway_seconds: float = 30.0


class OidcVerifier:
    """The `TokenVerifier` port."""

    def __init__(self, rules: TokenRules, keys: IssuerKeys) -> None:
        self._rules = rules
        self._keys = keys

    async def verify(self, token: str) -> VerifiedToken:
        """What the token says; raises Unauthenticated unless all of it fits, Unavailable without the issuer's keys."""
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise Unauthenticated("the token is too long to be one")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise Unauthenticated("the token is not a JWT") from error
        if header.get("alg") not in ALGORITHMS:
            raise Unauthenticated("the token is not signed with an algorithm that is taken here")
        key_id = header.get("kid")
        if not isinstance(key_id, str):
            raise Unauthenticated("the token does not say which key signed it")
        key = await self._keys.get(key_id)
        return self._told(self._claims(token, key))

    def _claims(self, token: str, key: jwt.PyJWK) -> Mapping[str, Any]:
        rules = self._rules
        try:
            # the key itself says its algorithm, where the issuer did
            return dict(
                jwt.decode(
                    token,
                    key=key,
                    algorithms=[key.algorithm_name] if key.algorithm_name in ALGORITHMS else [],
                    issuer=rules.issuer,
                    audience=rules.audience,
                    leeway=rules.leeway_seconds,
                    options={"require": ["exp", "iat", "iss"], "verify_aud": rules.audience is not None},
                )
            )
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("the token has expired; sign in again") from error
        except jwt.InvalidAudienceError as error:
            raise Unauthenticated("the token is for somebody else (aud)") from error
        except jwt.InvalidIssuerError as error:
            raise Unauthenticated("the token is of another issuer (iss)") from error
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise Unauthenticated("the token is not valid") from error

    def _told(self, claims: Mapping[str, Any]) -> VerifiedToken:
        rules = self._rules
        if rules.authorized_parties and claims.get("azp") not in rules.authorized_parties:
            raise Unauthenticated("the token was made for another page (azp)")
        organisation = _first(claims, rules.organisation_claims) or rules.organisation
        user = _at(claims, rules.user_claim)
        if not _is_name(organisation):
            raise Unauthenticated("the token names no organisation; sign in to one")
        if not _is_name(user):
            raise Unauthenticated(f"the token names no user ({rules.user_claim})")
        groups = tuple(group for group in _texts(_first(claims, rules.groups_claims)) if _is_name(group))
        known = [rules.roles[role] for role in _texts(_first(claims, rules.role_claims)) if role in rules.roles]
        expires = datetime.fromtimestamp(float(claims["exp"]) + rules.leeway_seconds, UTC)
        return VerifiedToken(OrgId(str(organisation)), str(user), groups[:MAX_GROUPS], tuple(known), expires)


def _first(claims: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((found for name in names if (found := _at(claims, name)) is not None), None)


def _at(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by its path; names of some issuers have dots themselves."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return value.split()
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= MAX_NAME_CHARACTERS and value.isprintable()
