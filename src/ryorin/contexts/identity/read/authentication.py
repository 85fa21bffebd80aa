"""Who a credential belongs to, and when none is needed."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta

from ryorin.contexts.identity.read.ports import KeyDirectory, StoredKey
from ryorin.contexts.identity.secrets import matches, split_key
from ryorin.kernel.errors import InvalidInput, Unauthenticated, Unavailable
from ryorin.kernel.messages import EVERYONE, Actor, OrgId, Readers, Scope
from ryorin.kernel.ports import Clock

LOCAL_ORGANISATION = OrgId("local")
LOCAL_ADMINISTRATOR = Actor(LOCAL_ORGANISATION, "local-administrator", frozenset({Scope.ADMIN}), readers=None)
# how long a found key is believed without asking again: a revoked key may work this much longer
MEMORY = timedelta(seconds=1)
# how long one is believed while the directory does not answer, and how often it is tried then
GRACE, TRY_AGAIN = timedelta(minutes=5), timedelta(seconds=5)
# last use is for people: once a minute is enough
USE_NOTED = timedelta(minutes=1)
MAX_REMEMBERED = 10_000


class Authenticator:
    """Turns a bearer token into an actor; remembers what it found for a second.

    While the directory does not answer, whoever was known shortly before stays so for five minutes: answers from memory
    must not end with the database.
    """

    def __init__(self, directory: KeyDirectory, clock: Clock, *, local: bool) -> None:
        self._directory = directory
        self._clock = clock
        self._local = local
        # when each was found, and when to look again
        self._known: dict[str, tuple[datetime, datetime, Actor]] = {}
        self._used: dict[str, datetime] = {}

    async def __call__(self, credential: str | None) -> Actor:
        """The actor behind a token (None: no credential came); raises Unauthenticated."""
        now = self._clock.now()
        # no key has no characters
        found_at, again_at, actor = self._known.get(credential or "", (None, now, None))
        if actor is not None and now < again_at:
            return actor
        try:
            actor = await (self._without_credential() if credential is None else self._find(credential, now))
        except Unavailable:
            if actor is None or found_at is None or now - found_at > GRACE:
                raise
            self._known[credential or ""] = (found_at, now + TRY_AGAIN, actor)
            return actor
        except Unauthenticated:
            self._known.pop(credential or "", None)
            raise
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[credential or ""] = (now, now + MEMORY, actor)
        return actor

    async def _without_credential(self) -> Actor:
        if self._local and not await self._directory.any_usable():
            return LOCAL_ADMINISTRATOR
        raise Unauthenticated("send an API key as 'Authorization: Bearer ryo_...'")

    async def _find(self, credential: str, now: datetime) -> Actor:
        parts = split_key(credential)
        key = await self._directory.find(parts[0]) if parts else None
        if parts is None or key is None or not matches(parts[1], key.secret_hash):
            # clients must send some key: on an open local server any will do
            if self._local and not await self._directory.any_usable():
                return LOCAL_ADMINISTRATOR
            raise Unauthenticated("the API key is not known; create one with `ryorin keys create`")
        self._check(key, now)
        await self._note_use(key, now)
        return Actor(key.org_id, f"key:{key.prefix}", frozenset(key.scopes), _readers(key))

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


def _readers(key: StoredKey) -> Readers:
    """As whom documents are read; an administrator reads all."""
    if Scope.ADMIN in key.scopes:
        return None
    users = (f"user:{key.user}",) if key.user else ()
    return tuple(sorted({EVERYONE, *users, *(f"group:{group}" for group in key.groups)}))


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
