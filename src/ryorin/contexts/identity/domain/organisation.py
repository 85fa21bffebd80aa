"""The organisation aggregate: its name and its users."""

from __future__ import annotations

from typing import ClassVar

from ryorin.contexts.identity.events import OrganisationNamed, UserAdded
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.errors import Conflict
from ryorin.kernel.events import Event, Stream
from ryorin.kernel.messages import OrgId


class Organisation(Aggregate):
    """A tenant; everything else carries its id."""

    stream_type: ClassVar[str] = "organisation"

    def __init__(self, org_id: OrgId) -> None:
        super().__init__(Stream(org_id, self.stream_type, org_id))
        self.users: set[str] = set()
        self.display_name = ""

    def rename(self, display_name: str) -> None:
        """Give the organisation a name."""
        if display_name != self.display_name:
            self.record(OrganisationNamed(display_name))

    def add_user(self, user: str, display_name: str) -> None:
        """Add a user; raises Conflict when there is one of that id."""
        if user in self.users:
            raise Conflict(f"there is a user {user!r} already")
        self.record(UserAdded(user, display_name))

    def apply(self, event: Event) -> None:
        match event:
            case OrganisationNamed():
                self.display_name = event.display_name
            case UserAdded():
                self.users.add(event.user)
