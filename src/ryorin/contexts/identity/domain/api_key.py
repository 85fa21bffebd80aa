"""The API key aggregate."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from ryorin.contexts.identity.commands import CreateApiKey
from ryorin.contexts.identity.errors import KeyNotFound
from ryorin.contexts.identity.events import ApiKeyCreated, ApiKeyReplaced, ApiKeyRevoked
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.errors import Conflict, Forbidden
from ryorin.kernel.events import Event, Stream
from ryorin.kernel.messages import Actor, OrgId, Scope


class ApiKey(Aggregate):
    """A credential that is created once and may be revoked once."""

    stream_type: ClassVar[str] = "api_key"

    def __init__(self, org_id: OrgId, prefix: str) -> None:
        super().__init__(Stream(org_id, self.stream_type, prefix))
        self.prefix = prefix
        self.live = False
        self.made: ApiKeyCreated | None = None

    def create(self, command: CreateApiKey) -> None:
        """Bring the key into being; raises Conflict when its prefix was ever used."""
        if self.version:
            raise Conflict(f"a key with prefix {self.prefix!r} exists; make a new one")
        scopes = tuple(scope.value for scope in command.scopes)
        self.record(
            ApiKeyCreated(
                prefix=command.prefix,
                secret_hash=command.secret_hash,
                label=command.label,
                scopes=scopes,
                user=command.user,
                expires_at=command.expires_at,
                groups=tuple(sorted(set(command.groups))),
            )
        )

    def succeed(self, old: ApiKey, secret_hash: str, expires_at: datetime | None, by: Actor) -> None:
        """Come into being with the rights of another, which must be in use; raises KeyNotFound and Forbidden."""
        if old.made is None or not old.live:
            raise KeyNotFound(f"there is no usable key {old.prefix!r}")
        if Scope.OWNER in old.made.scopes and not by.may(Scope.OWNER):
            raise Forbidden(f"the key {old.prefix} is an owner's; only owners rotate it")
        if self.version:
            raise Conflict(f"a key with prefix {self.prefix!r} exists; make a new one")
        self.record(replace(old.made, prefix=self.prefix, secret_hash=secret_hash, expires_at=expires_at))

    def end_at(self, at: datetime, successor: ApiKey) -> None:
        """Work until a time, and no longer."""
        self.record(ApiKeyReplaced(self.prefix, successor.prefix, at))

    def revoke(self, by: Actor) -> None:
        """End the key; raises KeyNotFound unless it is in use, and Forbidden for an owner's."""
        if not self.live or self.made is None:
            raise KeyNotFound(f"there is no usable key {self.prefix!r}")
        if Scope.OWNER in self.made.scopes and not by.may(Scope.OWNER):
            raise Forbidden(f"the key {self.prefix} is an owner's; only owners revoke it")
        self.record(ApiKeyRevoked(self.prefix))

    def apply(self, event: Event) -> None:
        match event:
            case ApiKeyCreated():
                self.live, self.made = True, event
            case ApiKeyReplaced() | ApiKeyRevoked():
                self.live = self.live and isinstance(event, ApiKeyReplaced)
