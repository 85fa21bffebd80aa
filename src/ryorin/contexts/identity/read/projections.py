"""Events to rows of the keys read model."""

from __future__ import annotations

from collections.abc import Sequence

from ryorin.contexts.identity.events import (
    ApiKeyCreated,
    ApiKeyReplaced,
    ApiKeyRevoked,
    OrganisationNamed,
    RoleGranted,
    RoleRevoked,
    UserAdded,
    UserRemoved,
)
from ryorin.contexts.identity.queries import KEYS_MODEL
from ryorin.contexts.identity.read.ports import KeyRows
from ryorin.kernel.events import RecordedEvent


class KeysProjection:
    """Feeds the keys read model."""

    name = KEYS_MODEL

    async def apply(self, events: Sequence[RecordedEvent], rows: KeyRows) -> None:
        """Write the rows of a batch, in order."""
        for recorded in events:
            org_id, at = recorded.stream.org_id, recorded.recorded_at
            match recorded.event:
                case ApiKeyCreated() as event:
                    await rows.put_key(org_id, event, at)
                case ApiKeyReplaced() as event:
                    await rows.end_key(org_id, event.prefix, event.ends_at)
                case ApiKeyRevoked() as event:
                    await rows.revoke_key(org_id, event.prefix, at)
                case _:
                    await _people(recorded, rows)


async def _people(recorded: RecordedEvent, rows: KeyRows) -> None:
    org_id, at = recorded.stream.org_id, recorded.recorded_at
    match recorded.event:
        case OrganisationNamed() as event:
            await rows.name_organisation(org_id, event.display_name)
        case UserAdded() as event:
            await rows.put_user(org_id, event, at)
        case UserRemoved() as event:
            await rows.remove_user(org_id, event.user, at)
        case RoleGranted() as event:
            await rows.put_role(org_id, event, at)
        case RoleRevoked() as event:
            await rows.remove_role(org_id, event.subject, event.resource)
