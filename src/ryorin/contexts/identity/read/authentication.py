"""Who a credential belongs to, and when none is needed."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ryorin.contexts.identity.read.ports import KeyDirectory, StoredKey, TokenVerifier, VerifiedToken
from ryorin.contexts.identity.roles import Grant, Role, rights
from ryorin.contexts.identity.secrets import matches, split_key
from ryorin.kernel.errors import InvalidInput, Unauthenticated, Unavailable
from ryorin.kernel.messages import EVERYONE, Actor, OrgId, Readers, Scope
from ryorin.kernel.ports import Clock

LOCAL_ORGANISATION = OrgId("local")
LOCAL_ADMINISTRATOR = Actor(LOCAL_ORGANISATION, "local-administrator", frozenset({Scope.OWNER}), readers=None)
# how long a found key is believed without asking again: a revoked key may work this much longer
MEMORY = timedelta(seconds=1)
# how long one is believed while the directory does not answer, and how often it is tried then
GRACE, TRY_AGAIN = timedelta(minutes=5), timedelta(seconds=5)
# how long whoever is believed waits for a directory that does not say a word (seconds)
ASK_SECONDS = 0.25
# last use is for people: once a minute is enough
USE_NOTED = timedelta(minutes=1)
MAX_REMEMBERED = 10_000
# header, payload and signature of a token (RFC 7519)
TOKEN_DOTS = 2


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found behind a credential, when, when to look again, and when it ends by itself."""

    actor: Actor
    found_at: datetime
    again_at: datetime
    ends_at: datetime | None


class Authenticator:
    """Turns a bearer token into an actor; remembers what it found for a second.

    While the directory does not answer, whoever was known shortly before stays so for five minutes: answers from memory
    must not end with the database.
    """

    def __init__(
        self, directory: KeyDirectory, clock: Clock, *, local: bool, tokens: TokenVerifier | None = None
    ) -> None:
        self._directory = directory
        self._clock = clock
        # where people sign in elsewhere, nobody is let in unknown
        self._local = local and tokens is None
        self._tokens = tokens
        self._known: dict[str, _Known] = {}
        self._used: dict[str, datetime] = {}

    async def __call__(self, credential: str | None) -> Actor:
        """The actor behind a token (None: no credential came); raises Unauthenticated."""
        now = self._clock.now()
        # no key has no characters
        name = credential or ""
        known = self._known.get(name)
        if known is not None and known.ends_at is not None and known.ends_at <= now:
            known = None
        if known is not None and now < known.again_at:
            return known.actor
        try:
            trusted = known is not None and now - known.found_at <= GRACE
            async with asyncio.timeout(ASK_SECONDS if trusted else None):
                actor, ends_at = await self._found(credential, now)
        except (Unavailable, TimeoutError):
            if known is None or now - known.found_at > GRACE:
                raise
            self._known[name] = replace(known, again_at=now + TRY_AGAIN)
            return known.actor
        except Unauthenticated:
            self._known.pop(name, None)
            raise
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[name] = _Known(actor, now, now + MEMORY, ends_at)
        return actor

    async def _found(self, credential: str | None, now: datetime) -> tuple[Actor, datetime | None]:
        return await (self._without_credential() if credential is None else self._find(credential, now))

    async def _without_credential(self) -> tuple[Actor, datetime | None]:
        if self._local and not await self._directory.any_usable():
            return LOCAL_ADMINISTRATOR, None
        raise Unauthenticated("send an API key as 'Authorization: Bearer ryo_...'")

    async def _find(self, credential: str, now: datetime) -> tuple[Actor, datetime | None]:
        if self._tokens is not None and credential.count(".") == TOKEN_DOTS:
            return await self._of_token(await self._tokens.verify(credential))
        parts = split_key(credential)
        key = await self._directory.find(parts[0]) if parts else None
        if parts is None or key is None or not matches(parts[1], key.secret_hash):
            # clients must send some key: on an open local server any will do
            if self._local and not await self._directory.any_usable():
                return LOCAL_ADMINISTRATOR, None
            raise Unauthenticated("the API key is not known; create one with `ryorin keys create`")
        self._check(key, now)
        actor = await self._of_key(key)
        await self._note_use(key, now)
        return actor, key.expires_at

    async def _of_key(self, key: StoredKey) -> Actor:
        """Its own scopes, or what the roles of its user and groups allow; nobody becomes an owner by them."""
        scopes, held = frozenset(key.scopes), frozenset[tuple[str, str]]()
        if key.user or not scopes:
            standing = await self._directory.standing(key.org_id, key.user, key.groups)
            if standing.removed:
                raise Unauthenticated(f"the user of the API key {key.prefix} was removed")
            if not scopes:
                scopes, held = rights(
                    replace(grant, role=Role.ADMIN) if grant.role is Role.OWNER else grant for grant in standing.grants
                )
        return _actor(key.org_id, f"key:{key.prefix}", scopes, held, key.user, key.groups)

    async def _of_token(self, token: VerifiedToken) -> tuple[Actor, datetime]:
        standing = await self._directory.standing(token.org_id, token.user, token.groups)
        if standing.removed:
            raise Unauthenticated(f"the user {token.user!r} was removed")
        if standing.kind == "service":
            # a name at the issuer must not become a program of ours
            raise Unauthenticated(f"{token.user!r} is a service account: it has keys, not tokens")
        signed = [Grant(f"user:{token.user}", role) for role in token.roles]
        scopes, held = rights([*standing.grants, *signed])
        return _actor(token.org_id, f"user:{token.user}", scopes, held, token.user, token.groups), token.expires_at

    def _check(self, key: StoredKey, now: datetime) -> None:
        if key.revoked_at is not None:
            raise Unauthenticated(f"the API key {key.prefix} was revoked")
        if key.expires_at is not None and key.expires_at <= now:
            raise Unauthenticated(f"the API key {key.prefix} has expired; create a new one")

    async def _note_use(self, key: StoredKey, now: datetime) -> None:
        noted = self._used.get(key.prefix)
        if noted is None or now - noted > USE_NOTED:
            self._used[key.prefix] = now
            await self._directory.note_use(key.org_id, key.prefix, now)


def _actor(
    org_id: OrgId,
    principal: str,
    scopes: frozenset[str],
    held: frozenset[tuple[str, str]],
    user: str,
    groups: Sequence[str],
) -> Actor:
    return Actor(org_id, principal, scopes, _readers(scopes, user, groups), held)


def _readers(scopes: frozenset[str], user: str, groups: Sequence[str]) -> Readers:
    """As whom documents are read; an administrator reads all."""
    if not scopes.isdisjoint((Scope.ADMIN, Scope.OWNER)):
        return None
    users = (f"user:{user}",) if user else ()
    return tuple(sorted({EVERYONE, *users, *(f"group:{group}" for group in groups)}))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_exposure(host: str, *, keys_exist: bool) -> None:
    """Raise InvalidInput when a server would be open to others without anybody having to say who they are."""
    if not is_loopback(host) and not keys_exist:
        raise InvalidInput(
            f"the server refuses to listen on {host} without authentication: create a key first with"
            " `ryorin keys create --label NAME`, or bind to 127.0.0.1"
        )
