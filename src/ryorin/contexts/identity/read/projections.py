"""Events to rows of the keys read model."""

from __future__ import annotations

from collections.abc import Sequence

from ryorin.contexts.identity.events import ApiKeyCreated, ApiKeyRevoked, OrganisationNamed, UserAdded
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
                case ApiKeyRevoked() as event:
                    await rows.revoke_key(org_id, event.prefix, at)
                case OrganisationNamed() as event:
                    await rows.name_organisation(org_id, event.display_name)
                case UserAdded() as event:
                    await rows.put_user(org_id, event.user, event.display_name, at)
