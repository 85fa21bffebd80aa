"""Roles: named bundles of scopes, held in an organisation or in one collection or prompt (ADR-0023)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Scope

MAX_NAME_CHARACTERS = 200
SUBJECTS, RESOURCES = ("user", "group"), ("collection", "prompt")


class Role(StrEnum):
    """What somebody is to an organisation or a resource."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"
    OWNER = "owner"

    @property
    def scopes(self) -> frozenset[Scope]:
        """What it allows."""
        return _SCOPES[self]


_READING = frozenset({Scope.KNOWLEDGE_READ, Scope.ANSWERS_READ})
_SCOPES = {
    Role.VIEWER: _READING,
    Role.EDITOR: _READING | {Scope.KNOWLEDGE_WRITE, Scope.PROMPTS_WRITE},
    Role.ADMIN: frozenset({Scope.ADMIN}),
    Role.OWNER: frozenset({Scope.OWNER}),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """A subject's role in a resource; "": in the organisation."""

    subject: str
    role: Role
    resource: str = ""


def check_name(kind: str, name: str) -> None:
    """Raise InvalidInput for a name that nobody can have."""
    if not name.strip() or len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
        raise InvalidInput(f"{kind} name {name[:60]!r} must have 1-{MAX_NAME_CHARACTERS} printable characters")


def check_grantee(subject: str, resource: str) -> None:
    """Raise InvalidInput unless the subject is a user or a group, and the resource a collection or a prompt."""
    kind, _, name = subject.partition(":")
    if kind not in SUBJECTS:
        raise InvalidInput(f"subject {subject[:60]!r}: a role is granted to user:NAME or group:NAME")
    check_name(kind, name)
    if resource:
        kind, _, name = resource.partition(":")
        if kind not in RESOURCES:
            raise InvalidInput(f"resource {resource[:60]!r}: there are collection:NAME, prompt:NAME and all")
        check_name(kind, name)


def rights(grants: Iterable[Grant]) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """The scopes that grants give in the organisation, and those in resources as (resource, scope)."""
    scopes, held = set[str](), set[tuple[str, str]]()
    for grant in grants:
        if grant.resource:
            held |= {(grant.resource, scope.value) for scope in grant.role.scopes}
        else:
            scopes |= {scope.value for scope in grant.role.scopes}
    return frozenset(scopes), frozenset(held)
