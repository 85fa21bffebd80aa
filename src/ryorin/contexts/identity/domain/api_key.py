"""The API key aggregate."""

from __future__ import annotations

from typing import ClassVar

from ryorin.contexts.identity.commands import CreateApiKey
from ryorin.contexts.identity.errors import KeyNotFound
from ryorin.contexts.identity.events import ApiKeyCreated, ApiKeyRevoked
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.errors import Conflict
from ryorin.kernel.events import Event, Stream
from ryorin.kernel.messages import OrgId


class ApiKey(Aggregate):
    """A credential that is created once and may be revoked once."""

    stream_type: ClassVar[str] = "api_key"

    def __init__(self, org_id: OrgId, prefix: str) -> None:
        super().__init__(Stream(org_id, self.stream_type, prefix))
        self.prefix = prefix
        self.live = False

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

    def revoke(self) -> None:
        """End the key; raises KeyNotFound unless it is in use."""
        if not self.live:
            raise KeyNotFound(f"there is no usable key {self.prefix!r}")
        self.record(ApiKeyRevoked(self.prefix))

    def apply(self, event: Event) -> None:
        self.live = isinstance(event, ApiKeyCreated)
