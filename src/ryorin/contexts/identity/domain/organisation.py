"""The organisation aggregate: its name, its users and their roles."""

from __future__ import annotations

from typing import ClassVar

from ryorin.contexts.identity.commands import UserKind
from ryorin.contexts.identity.errors import RoleNotFound
from ryorin.contexts.identity.events import OrganisationNamed, RoleGranted, RoleRevoked, UserAdded, UserRemoved
from ryorin.contexts.identity.roles import Role
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.errors import Conflict, Forbidden
from ryorin.kernel.events import Event, Stream
from ryorin.kernel.messages import Actor, OrgId, Scope


class Organisation(Aggregate):
    """A tenant; everything else carries its id."""

    stream_type: ClassVar[str] = "organisation"

    def __init__(self, org_id: OrgId) -> None:
        super().__init__(Stream(org_id, self.stream_type, org_id))
        self.users: set[str] = set()
        self.roles: dict[tuple[str, str], Role] = {}
        self.display_name = ""

    def rename(self, display_name: str) -> None:
        """Give the organisation a name."""
        if display_name != self.display_name:
            self.record(OrganisationNamed(display_name))

    def add_user(self, user: str, display_name: str, kind: UserKind) -> None:
        """Add a user, perhaps one that was removed; raises Conflict when there is one of that id."""
        if user in self.users:
            raise Conflict(f"there is a user {user!r} already")
        self.record(UserAdded(user, display_name, kind))

    def remove_user(self, user: str, by: Actor) -> None:
        """End a user's rights, known or not: an issuer may know him. Raises Conflict for the last owner."""
        self._check_taken(f"user:{user}", "", by)
        self.record(UserRemoved(user))

    def grant(self, subject: str, role: Role, resource: str, by: Actor) -> None:
        """Give a role in place of what the subject had there."""
        if self.roles.get((subject, resource)) is role:
            return
        self._check_taken(subject, resource, by)
        self.record(RoleGranted(subject, role.value, resource))

    def revoke(self, subject: str, resource: str, by: Actor) -> None:
        """Take a role away; raises RoleNotFound where there is none."""
        if (subject, resource) not in self.roles:
            raise RoleNotFound(f"{subject} has no role in {resource or 'the organisation'}")
        self._check_taken(subject, resource, by)
        self.record(RoleRevoked(subject, resource))

    def _check_taken(self, subject: str, resource: str, by: Actor) -> None:
        """Raise Forbidden or Conflict where an owner's role must not go."""
        if self.roles.get((subject, resource)) is not Role.OWNER:
            return
        if not by.may(Scope.OWNER, resource):
            raise Forbidden(f"{subject} is an owner; only owners change that")
        owners = [one for (one, at), role in self.roles.items() if at == resource and role is Role.OWNER]
        if not resource and len(owners) == 1:
            raise Conflict(f"{subject} is the last owner; make another one first")

    def apply(self, event: Event) -> None:
        match event:
            case OrganisationNamed():
                self.display_name = event.display_name
            case UserAdded():
                self.users.add(event.user)
            case UserRemoved():
                self.users.discard(event.user)
                gone = [key for key in self.roles if key[0] == f"user:{event.user}"]
                for key in gone:
                    del self.roles[key]
            case RoleGranted():
                self.roles[event.subject, event.resource] = Role(event.role)
            case RoleRevoked():
                self.roles.pop((event.subject, event.resource), None)
