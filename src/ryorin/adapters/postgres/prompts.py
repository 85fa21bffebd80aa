"""Prompts on PostgreSQL: rows of versions and labels, and what a process remembers of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from cachebox import LRUCache

from ryorin.adapters.postgres.notifications import Channel
from ryorin.adapters.postgres.pool import Connection, Pool, Row, run
from ryorin.adapters.postgres.projections import Schema
from ryorin.contexts.prompts.queries import PromptView
from ryorin.contexts.prompts.versions import LATEST, LabelGate, PromptAbout, PromptState, PromptVersion
from ryorin.kernel.codec import from_json, to_json
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.messages import OrgId

DDL = """
CREATE TABLE prompt_versions_g{g} (
    org_id text NOT NULL, prompt text NOT NULL, version int NOT NULL, said jsonb NOT NULL,
    created_at timestamptz NOT NULL, PRIMARY KEY (org_id, prompt, version));
CREATE TABLE prompt_labels_g{g} (
    org_id text NOT NULL, prompt text NOT NULL, label text NOT NULL, version int NOT NULL,
    PRIMARY KEY (org_id, prompt, label));
CREATE TABLE prompt_about_g{g} (
    org_id text NOT NULL, prompt text NOT NULL, folder text NOT NULL DEFAULT '', tags text[] NOT NULL DEFAULT '{}',
    description text NOT NULL DEFAULT '', readers text[] NOT NULL DEFAULT '{*}', protected text[] NOT NULL DEFAULT '{}',
    gates jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (org_id, prompt));
"""
SCHEMA = Schema(DDL, ("prompt_versions", "prompt_labels", "prompt_about"))

ADD_VERSION = """
INSERT INTO prompt_versions_g{g} (org_id, prompt, version, said, created_at) VALUES (%s, %s, %s, %s, %s)
"""
MOVE_LABEL = """
INSERT INTO prompt_labels_g{g} (org_id, prompt, label, version) VALUES (%s, %s, %s, %s)
ON CONFLICT (org_id, prompt, label) DO UPDATE SET version = excluded.version
"""
REMOVE_LABEL = "DELETE FROM prompt_labels_g{g} WHERE org_id = %s AND prompt = %s AND label = %s"
REMOVE_LABELS = "DELETE FROM prompt_labels_g{g} WHERE org_id = %s AND prompt = %s"
REMOVE_VERSIONS = "DELETE FROM prompt_versions_g{g} WHERE org_id = %s AND prompt = %s"
REMOVE_ABOUT = "DELETE FROM prompt_about_g{g} WHERE org_id = %s AND prompt = %s"
DESCRIBE = """
INSERT INTO prompt_about_g{g} (org_id, prompt, folder, tags, description) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (org_id, prompt) DO UPDATE
SET folder = excluded.folder, tags = excluded.tags, description = excluded.description
"""
SHARE = """
INSERT INTO prompt_about_g{g} (org_id, prompt, readers) VALUES (%s, %s, %s)
ON CONFLICT (org_id, prompt) DO UPDATE SET readers = excluded.readers
"""
PROTECT = """
INSERT INTO prompt_about_g{g} AS a (org_id, prompt, protected) VALUES (%s, %s, ARRAY[%s::text])
ON CONFLICT (org_id, prompt) DO UPDATE
SET protected = array(SELECT DISTINCT label FROM unnest(a.protected || excluded.protected) label ORDER BY label)
"""
GATE = """
INSERT INTO prompt_about_g{g} AS a (org_id, prompt, gates) VALUES (%s, %s, jsonb_build_object(%s::text, %s::jsonb))
ON CONFLICT (org_id, prompt) DO UPDATE SET gates = a.gates || excluded.gates
"""
UNGATE = "UPDATE prompt_about_g{g} SET gates = gates - %s::text WHERE org_id = %s AND prompt = %s"
UNPROTECT = """
UPDATE prompt_about_g{g} SET protected = array_remove(protected, %s) WHERE org_id = %s AND prompt = %s
"""
ABOUT = """
COALESCE(a.folder, '') AS folder, COALESCE(a.tags, '{}') AS tags, COALESCE(a.description, '') AS description,
COALESCE(a.readers, '{*}') AS readers, COALESCE(a.protected, '{}') AS protected, COALESCE(a.gates, '{}') AS gates
"""
LISTED = f"""
SELECT v.prompt, v.version AS latest, v.said, v.created_at,
    (SELECT array_agg(o.version ORDER BY o.version) FROM prompt_versions o
     WHERE o.org_id = v.org_id AND o.prompt = v.prompt) AS versions,
    (SELECT COALESCE(jsonb_object_agg(l.label, l.version), '{{}}') FROM prompt_labels l
     WHERE l.org_id = v.org_id AND l.prompt = v.prompt) AS labels, {ABOUT}
FROM (SELECT DISTINCT ON (org_id, prompt) * FROM prompt_versions
      WHERE org_id = %(org_id)s AND prompt = COALESCE(%(prompt)s, prompt)
      ORDER BY org_id, prompt, version DESC) v
LEFT JOIN prompt_about a ON a.org_id = v.org_id AND a.prompt = v.prompt ORDER BY v.prompt
"""
VERSION = """
SELECT said, created_at FROM prompt_versions WHERE org_id = %s AND prompt = %s AND version = %s
"""
VERSIONS = """
SELECT prompt, said, created_at FROM prompt_versions WHERE org_id = %s AND prompt = ANY(%s) ORDER BY version DESC
"""
TOLD = "prompt\x1f"
REMEMBERED = 10_000

Made = tuple[PromptVersion, datetime]


class PostgresPromptRows:
    """The `PromptRows` port: one generation's tables, on the projection's connection."""

    def __init__(self, connection: Connection, generation: int) -> None:
        self._connection = connection
        self._generation = generation

    async def _run(self, statement: str, *parameters: object) -> None:
        await run(self._connection, statement.replace("{g}", str(self._generation)), parameters)

    async def add_version(self, org_id: OrgId, prompt: str, version: PromptVersion, created_at: datetime) -> None:
        """Write a version."""
        said = json.dumps(to_json(version), ensure_ascii=False)
        await self._run(ADD_VERSION, org_id, prompt, version.number, said, created_at)

    async def move_label(self, org_id: OrgId, prompt: str, label: str, version: int) -> None:
        """Have a label name a version."""
        await self._run(MOVE_LABEL, org_id, prompt, label, version)

    async def remove_label(self, org_id: OrgId, prompt: str, label: str) -> None:
        """Delete a label."""
        await self._run(REMOVE_LABEL, org_id, prompt, label)

    async def remove_prompt(self, org_id: OrgId, prompt: str) -> None:
        """Delete a prompt with all it has."""
        await self._run(REMOVE_LABELS, org_id, prompt)
        await self._run(REMOVE_VERSIONS, org_id, prompt)
        await self._run(REMOVE_ABOUT, org_id, prompt)

    async def describe(self, org_id: OrgId, prompt: str, folder: str, tags: Sequence[str], description: str) -> None:
        """Write where it belongs and what it is for."""
        await self._run(DESCRIBE, org_id, prompt, folder, list(tags), description)

    async def share(self, org_id: OrgId, prompt: str, readers: Sequence[str]) -> None:
        """Write who may read it."""
        await self._run(SHARE, org_id, prompt, list(readers))

    async def protect(self, org_id: OrgId, prompt: str, label: str, protected: bool) -> None:
        """Write whether a label is moved by admins only."""
        if protected:
            await self._run(PROTECT, org_id, prompt, label)
        else:
            await self._run(UNPROTECT, label, org_id, prompt)

    async def gate(self, org_id: OrgId, prompt: str, label: str, gate: LabelGate | None) -> None:
        """Write what a version has to show before a label names it."""
        if gate is None:
            await self._run(UNGATE, label, org_id, prompt)
        else:
            await self._run(GATE, org_id, prompt, label, json.dumps(to_json(gate), ensure_ascii=False))

    async def changed(self, org_id: OrgId, prompt: str) -> None:
        """Tell every process, when the transaction commits."""
        payload = f"{TOLD}{org_id}\x1f{prompt}\x1f"
        await run(self._connection, "SELECT pg_notify(%s, %s)", (Channel.EVICTIONS.value, payload))


class PostgresPrompts:
    """The `Prompts` port; hears notifications through `told` and `connection`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        # with the round of notifications in which they were read; of what is not there, nothing is remembered
        self._states: LRUCache[tuple[str, str], tuple[int, PromptState]] = LRUCache(REMEMBERED)
        self._versions: LRUCache[tuple[str, str, int], tuple[int, Made]] = LRUCache(REMEMBERED)
        self._round = 0
        self._connected = False

    async def listed(self, org_id: OrgId) -> Sequence[PromptView]:
        """By name."""
        return [_view(row) for row in await self._pool.fetch(LISTED, {"org_id": org_id, "prompt": None})]

    async def state(self, org_id: OrgId, prompt: str) -> PromptState | None:
        """Its labels and what else it is; what was known last, while the database does not answer."""
        read_in, known = self._states.get((org_id, prompt)) or (None, None)
        if known is not None and read_in == self._round and self._connected:
            return known
        began = self._round
        try:
            row = await self._pool.fetch_one(LISTED, {"org_id": org_id, "prompt": prompt})
        except Unavailable:
            if known is None:
                raise
            return known
        if row is None:
            self._states.pop((org_id, prompt), None)
            return None
        view = _view(row)
        state = PromptState(view.labels, view.about)
        self._states[org_id, prompt] = began, state
        return state

    async def version(self, org_id: OrgId, prompt: str, number: int) -> Made | None:
        """A version; it never changes, but may be gone with its prompt."""
        read_in, known = self._versions.get((org_id, prompt, number)) or (None, None)
        if known is not None and read_in == self._round and self._connected:
            return known
        began = self._round
        try:
            row = await self._pool.fetch_one(VERSION, (org_id, prompt, number))
        except Unavailable:
            if known is None:
                raise
            return known
        if row is None:
            return None
        made = from_json(PromptVersion, row["said"]), row["created_at"]
        self._versions[org_id, prompt, number] = began, made
        return made

    async def versions(self, org_id: OrgId, prompts: Sequence[str]) -> Mapping[str, Sequence[Made]]:
        """Newest first, by prompt."""
        found: dict[str, list[Made]] = {}
        for row in await self._pool.fetch(VERSIONS, (org_id, list(prompts))):
            found.setdefault(row["prompt"], []).append((from_json(PromptVersion, row["said"]), row["created_at"]))
        return found

    def told(self, payload: str) -> None:
        """Take a notification: `prompt US org US name US`; others are not for us."""
        if payload.startswith(TOLD):
            self._round += 1

    def connection(self, connected: bool) -> None:
        """Notifications begin to arrive (True), or may get lost (False)."""
        self._connected = connected
        self._round += 1


def _view(row: Row) -> PromptView:
    about = PromptAbout(
        row["folder"],
        tuple(row["tags"]),
        row["description"],
        tuple(row["readers"]),
        tuple(row["protected"]),
        {label: from_json(LabelGate, gate) for label, gate in row["gates"].items()},
    )
    labels = {LATEST: row["latest"], **dict(sorted(row["labels"].items()))}
    newest = from_json(PromptVersion, row["said"])
    return PromptView(
        row["prompt"],
        row["latest"],
        labels,
        tuple(row["versions"]),
        newest.kind,
        newest.parameters,
        row["created_at"],
        about,
    )
