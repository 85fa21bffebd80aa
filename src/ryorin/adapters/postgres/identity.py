"""The keys read model: rows as its projection writes them, and the directory that authentication asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from ryorin.adapters.postgres.pool import Connection, Pool, Row, run
from ryorin.adapters.postgres.projections import Schema
from ryorin.contexts.identity.events import ApiKeyCreated, RoleGranted, UserAdded
from ryorin.contexts.identity.queries import ApiKeyView, GrantView, OrganisationView, UserView
from ryorin.contexts.identity.read.ports import Standing, StoredKey
from ryorin.contexts.identity.roles import Grant, Role
from ryorin.kernel.messages import OrgId

DDL = """
CREATE TABLE identity_keys_g{g} (
    prefix text PRIMARY KEY, org_id text NOT NULL, secret_hash text NOT NULL, label text NOT NULL,
    scopes text[] NOT NULL, user_id text NOT NULL, groups text[] NOT NULL, created_at timestamptz NOT NULL,
    expires_at timestamptz, revoked_at timestamptz);
CREATE INDEX ON identity_keys_g{g} (org_id);
CREATE TABLE identity_organisations_g{g} (org_id text PRIMARY KEY, display_name text NOT NULL);
CREATE TABLE identity_users_g{g} (
    org_id text NOT NULL, user_id text NOT NULL, display_name text NOT NULL, created_at timestamptz NOT NULL,
    kind text NOT NULL, removed_at timestamptz, PRIMARY KEY (org_id, user_id));
CREATE TABLE identity_roles_g{g} (
    org_id text NOT NULL, subject text NOT NULL, resource text NOT NULL, role text NOT NULL,
    granted_at timestamptz NOT NULL, PRIMARY KEY (org_id, subject, resource));
"""
SCHEMA = Schema(DDL, ("identity_keys", "identity_organisations", "identity_users", "identity_roles"))

PUT_KEY = """
INSERT INTO identity_keys_g{g} (prefix, org_id, secret_hash, label, scopes, user_id, groups, created_at, expires_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
REVOKE = "UPDATE identity_keys_g{g} SET revoked_at = %s WHERE org_id = %s AND prefix = %s"
NAME = """
INSERT INTO identity_organisations_g{g} (org_id, display_name) VALUES (%s, %s)
ON CONFLICT (org_id) DO UPDATE SET display_name = excluded.display_name
"""
END = "UPDATE identity_keys_g{g} SET expires_at = LEAST(expires_at, %s) WHERE org_id = %s AND prefix = %s"
PUT_USER = """
INSERT INTO identity_users_g{g} (org_id, user_id, display_name, created_at, kind) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (org_id, user_id) DO UPDATE
SET display_name = excluded.display_name, created_at = excluded.created_at, kind = excluded.kind, removed_at = NULL
"""
REMOVE_USER = """
INSERT INTO identity_users_g{g} (org_id, user_id, display_name, created_at, kind, removed_at)
VALUES (%(org_id)s, %(user)s, %(user)s, %(at)s, 'person', %(at)s)
ON CONFLICT (org_id, user_id) DO UPDATE SET removed_at = excluded.removed_at
"""
REMOVE_ROLES = "DELETE FROM identity_roles_g{g} WHERE org_id = %s AND subject = %s"
PUT_ROLE = """
INSERT INTO identity_roles_g{g} (org_id, subject, resource, role, granted_at) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (org_id, subject, resource) DO UPDATE SET role = excluded.role, granted_at = excluded.granted_at
"""
REMOVE_ROLE = "DELETE FROM identity_roles_g{g} WHERE org_id = %s AND subject = %s AND resource = %s"
USER = "SELECT kind, removed_at FROM identity_users WHERE org_id = %s AND user_id = %s"
GRANTS = "SELECT subject, role, resource FROM identity_roles WHERE org_id = %s AND subject = ANY(%s)"
ROLES = """
SELECT subject, role, resource, granted_at FROM identity_roles
WHERE org_id = %(org_id)s AND (%(resource)s::text IS NULL OR resource = %(resource)s) ORDER BY resource, subject
"""
FIND = """
SELECT org_id, prefix, secret_hash, scopes, user_id AS "user", groups, expires_at, revoked_at
FROM identity_keys WHERE prefix = %s
"""
ANY = "SELECT EXISTS (SELECT 1 FROM identity_keys WHERE revoked_at IS NULL) AS found"
LIST = """
SELECT k.prefix, k.label, k.scopes, k.user_id AS "user", k.groups, k.created_at, k.expires_at, k.revoked_at,
       u.last_used_at
FROM identity_keys k LEFT JOIN api_key_usage u USING (org_id, prefix)
WHERE k.org_id = %s ORDER BY k.created_at
"""
USERS = """
SELECT user_id AS "user", display_name, created_at, kind, removed_at FROM identity_users
WHERE org_id = %s ORDER BY user_id
"""
ORGANISATION = "SELECT display_name FROM identity_organisations WHERE org_id = %s"
NOTE_USE = """
INSERT INTO api_key_usage (org_id, prefix, last_used_at) VALUES (%s, %s, %s)
ON CONFLICT (org_id, prefix) DO UPDATE SET last_used_at = GREATEST(api_key_usage.last_used_at, excluded.last_used_at)
"""


class PostgresKeyRows:
    """The `KeyRows` port on one connection and generation."""

    def __init__(self, connection: Connection, generation: int) -> None:
        self._connection = connection
        self._generation = generation

    async def _run(self, statement: str, parameters: Sequence[object] | Mapping[str, object]) -> None:
        await run(self._connection, statement.replace("{g}", str(self._generation)), parameters)

    async def put_key(self, org_id: OrgId, event: ApiKeyCreated, at: datetime) -> None:
        """Add a key."""
        values = (
            event.prefix,
            org_id,
            event.secret_hash,
            event.label,
            list(event.scopes),
            event.user,
            list(event.groups),
            at,
        )
        await self._run(PUT_KEY, (*values, event.expires_at))

    async def revoke_key(self, org_id: OrgId, prefix: str, at: datetime) -> None:
        """Mark a key as ended."""
        await self._run(REVOKE, (at, org_id, prefix))

    async def name_organisation(self, org_id: OrgId, display_name: str) -> None:
        """Set an organisation's name."""
        await self._run(NAME, (org_id, display_name))

    async def put_user(self, org_id: OrgId, event: UserAdded, at: datetime) -> None:
        """Add a user, or one again."""
        await self._run(PUT_USER, (org_id, event.user, event.display_name, at, event.kind))

    async def remove_user(self, org_id: OrgId, user: str, at: datetime) -> None:
        """Note that a user has no rights; his roles go."""
        await self._run(REMOVE_USER, {"org_id": org_id, "user": user, "at": at})
        await self._run(REMOVE_ROLES, (org_id, f"user:{user}"))

    async def put_role(self, org_id: OrgId, event: RoleGranted, at: datetime) -> None:
        """Set a subject's role in a resource."""
        await self._run(PUT_ROLE, (org_id, event.subject, event.resource, event.role, at))

    async def remove_role(self, org_id: OrgId, subject: str, resource: str) -> None:
        """Take a subject's role in a resource."""
        await self._run(REMOVE_ROLE, (org_id, subject, resource))

    async def end_key(self, org_id: OrgId, prefix: str, at: datetime) -> None:
        """Let a key end at a time."""
        await self._run(END, (at, org_id, prefix))


class PostgresKeyDirectory:
    """The `KeyDirectory` port."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, prefix: str) -> StoredKey | None:
        """The key with a prefix."""
        row = await self._pool.fetch_one(FIND, (prefix,))
        return StoredKey(**_tuples(row)) if row else None

    async def any_usable(self) -> bool:
        """Whether a key exists at all that is not revoked."""
        row = await self._pool.fetch_one(ANY)
        return bool(row and row["found"])

    async def list(self, org_id: OrgId) -> Sequence[ApiKeyView]:
        """The keys of an organisation."""
        rows = await self._pool.fetch(LIST, (org_id,))
        return [ApiKeyView(**_tuples(row)) for row in rows]

    async def standing(self, org_id: OrgId, user: str, groups: Sequence[str]) -> Standing:
        """What a user may do, by himself and as a member of groups."""
        known = await self._pool.fetch_one(USER, (org_id, user)) if user else None
        subjects = [*([f"user:{user}"] if user else ()), *(f"group:{group}" for group in groups)]
        rows = await self._pool.fetch(GRANTS, (org_id, subjects)) if subjects else []
        grants = tuple(Grant(row["subject"], Role(row["role"]), row["resource"]) for row in rows)
        return Standing(
            known is not None and known["removed_at"] is not None, known["kind"] if known is not None else "", grants
        )

    async def roles(self, org_id: OrgId, resource: str | None) -> Sequence[GrantView]:
        """Who has which role."""
        return [GrantView(**row) for row in await self._pool.fetch(ROLES, {"org_id": org_id, "resource": resource})]

    async def organisation(self, org_id: OrgId) -> OrganisationView:
        """Name and users of an organisation."""
        row = await self._pool.fetch_one(ORGANISATION, (org_id,))
        users = tuple(UserView(**user) for user in await self._pool.fetch(USERS, (org_id,)))
        return OrganisationView(org_id, row["display_name"] if row else org_id, users)

    async def note_use(self, org_id: OrgId, prefix: str, at: datetime) -> None:
        """Record that a key was used."""
        await self._pool.execute(NOTE_USE, (org_id, prefix, at))


def _tuples(row: Row) -> Row:
    return {**row, "scopes": tuple(row["scopes"]), "groups": tuple(row["groups"])}
