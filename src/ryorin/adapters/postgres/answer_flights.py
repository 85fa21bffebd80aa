"""Flights in unlogged tables, with notifications between leaders and followers (ADR-0012)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from time import monotonic
from uuid import UUID

from cachebox import TTLCache
from psycopg.types.json import Jsonb

from ryorin.adapters.postgres.notifications import Channel, wait_for
from ryorin.adapters.postgres.pool import Pool, run
from ryorin.contexts.answers.queries import Answer
from ryorin.contexts.answers.read.flights import Flight, Heard
from ryorin.kernel.codec import from_json, to_json
from ryorin.kernel.messages import OrgId

# a leader that did not renew its flight for so long is dead (seconds)
LEASE_SECONDS = 3.0

# of two who board at once the second waits for the first's row, and then sees it
BOARD = """
INSERT INTO answer_flights (org_id, key, flight, expires_at)
VALUES (%(org_id)s, %(key)s, %(flight)s, now() + make_interval(secs => %(lease)s))
ON CONFLICT (org_id, key) DO UPDATE
SET flight = excluded.flight, expires_at = excluded.expires_at WHERE answer_flights.expires_at <= now()
RETURNING xmax <> 0 AS late
"""
UNDER_WAY = "SELECT flight FROM answer_flights WHERE org_id = %s AND key = %s"
RENEW = """
UPDATE answer_flights SET expires_at = now() + make_interval(secs => %s)
WHERE org_id = %s AND key = %s AND flight = %s
"""
TELL = "INSERT INTO answer_flight_parts (flight, number, text, answer) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
# its row remains for a while: who looked for the answer before it was kept learns here to look again
END = "UPDATE answer_flights SET expires_at = now() WHERE org_id = %s AND key = %s AND flight = %s"
# pieces and end in one look, so that no piece is told between them
HEAR = """
SELECT p.text, p.answer, EXISTS (
    SELECT 1 FROM answer_flights
    WHERE org_id = %(org_id)s AND key = %(key)s AND flight = %(flight)s AND expires_at > now()) AS alive
FROM (SELECT 1) AS always LEFT JOIN (
    SELECT number, text, answer FROM answer_flight_parts WHERE flight = %(flight)s AND number >= %(after)s) p ON TRUE
ORDER BY p.number
"""
# a lock that all share who answer questions, as long as they are connected
HOLDERS = """
SELECT count(*) AS present FROM pg_locks
WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid = 1917 AND objid = 1 AND granted
"""
PRESENT = f"SELECT pg_advisory_lock_shared(1917, 1), pg_notify('{Channel.FLIGHTS.value}', 'joined')"
GREETING = f"SELECT 'present ' || present FROM ({HOLDERS}) AS holders"
# between counts, once somebody has joined; flights of our own that are remembered, and for how long (seconds)
COUNT_SECONDS = 5.0
REMEMBERED, REMEMBER_SECONDS = 20_000, 60.0
NOTIFY = "SELECT pg_notify(%s, %s)"
PURGE = """
WITH old AS (DELETE FROM answer_flight_parts WHERE told_at < now() - interval '10 minutes')
DELETE FROM answer_flights WHERE expires_at < now() - interval '1 minute'
"""


class PostgresAnswerFlights:
    """The `AnswerFlights` port; hears notifications through `told`."""

    def __init__(self, pool: Pool, new_id: Callable[[], UUID]) -> None:
        self._pool = pool
        self._new_id = new_id
        self._followed: dict[UUID, asyncio.Event] = {}
        self._news: dict[UUID, asyncio.Event] = {}
        # flights that only this process knew of, to look again after them
        self._ended: TTLCache[tuple[str, str], bool] = TTLCache(REMEMBERED, REMEMBER_SECONDS)
        # whether this process says that it answers questions, whether it is the only one, when to count again
        self._present = False
        self._alone = False
        self._count_at = inf

    def told(self, payload: str) -> None:
        """Take a notification: `follow` or `news` of a flight, `joined`, or how many are `present`."""
        kind, _, what = payload.partition(" ")
        match kind:
            case "follow" if followed := self._followed.get(UUID(what)):
                followed.set()
            case "news" if news := self._news.get(UUID(what)):
                news.set()
            case "joined":
                self._alone, self._count_at = False, monotonic() + COUNT_SECONDS
            case "present":
                self._alone = self._present and int(what) == 1

    def declare(self) -> str:
        """Answer questions from here on; the statement that says so on the connection that listens."""
        self._present = True
        return PRESENT

    def connection(self, connected: bool) -> None:
        """Notifications begin to arrive (True), or may get lost (False): then somebody may have joined unheard."""
        if not connected:
            self._alone, self._count_at = False, inf

    async def board(self, org_id: OrgId, key: str) -> Flight:
        """Lead the flight of a key, or follow the one under way."""
        flight = self._new_id()
        if await self._nobody_else():
            return Flight(org_id, key, flight, led=True, late=self._ended.get((org_id, key)) is not None, alone=True)
        # before the row can be seen: who follows tells so only once
        self._followed[flight] = asyncio.Event()
        try:
            boarded = await self._boarded(org_id, key, flight)
        except BaseException:
            del self._followed[flight]
            raise
        if not boarded.led:
            del self._followed[flight]
            self._news.setdefault(boarded.id, asyncio.Event())
        return boarded

    async def _nobody_else(self) -> bool:
        if not self._alone and monotonic() >= self._count_at:
            self._count_at = monotonic() + COUNT_SECONDS
            row = await self._pool.fetch_one(HOLDERS)
            self._alone = row is not None and row["present"] == 1
        return self._alone

    async def _boarded(self, org_id: OrgId, key: str, flight: UUID) -> Flight:
        parameters = {"org_id": org_id, "key": key, "flight": flight, "lease": LEASE_SECONDS}
        while True:
            async with self._pool.connection() as connection:
                if boarded := await (await connection.execute(BOARD, parameters)).fetchone():
                    return Flight(org_id, key, flight, led=True, late=boarded["late"])
                other = await (await connection.execute(UNDER_WAY, (org_id, key))).fetchone()
            if other is not None:
                return Flight(org_id, key, other["flight"], led=False)

    async def renew(self, flight: Flight) -> None:
        """Keep our lease."""
        await self._pool.execute(RENEW, (LEASE_SECONDS, flight.org_id, flight.key, flight.id))

    def followed(self, flight: Flight) -> asyncio.Event:
        """Set once another process follows our flight."""
        return self._followed[flight.id]

    async def tell(self, flight: Flight, number: int, text: str) -> None:
        """Publish a piece of our answer."""
        await self._pool.execute(TELL, (flight.id, number, text, None))
        await self._notify(f"news {flight.id}")

    async def land(self, flight: Flight, number: int, answer: Answer | None) -> None:
        """End our flight; the whole answer, unless it failed, is told as the piece of that number."""
        if flight.alone:
            self._ended[flight.org_id, flight.key] = True
            return
        followed = self._followed.pop(flight.id)
        if not followed.is_set():
            await self._pool.execute(END, (flight.org_id, flight.key, flight.id))
            return
        async with self._pool.transaction() as connection:
            if answer is not None:
                await run(connection, TELL, (flight.id, number, "", Jsonb(to_json(answer))))
            await run(connection, END, (flight.org_id, flight.key, flight.id))
            await run(connection, NOTIFY, (Channel.FLIGHTS.value, f"news {flight.id}"))

    async def follow(self, flight: Flight) -> None:
        """Let the leader of a flight know that somebody listens."""
        await self._notify(f"follow {flight.id}")

    async def hear(self, flight: Flight, after: int) -> Heard:
        """What the leader has told after so many pieces."""
        parameters = {"flight": flight.id, "after": after, "org_id": flight.org_id, "key": flight.key}
        rows = await self._pool.fetch(HEAR, parameters)
        answer: Answer | None = from_json(Answer, rows[-1]["answer"]) if rows[-1]["answer"] else None
        pieces = tuple(row["text"] for row in rows if row["text"] is not None)
        return Heard(pieces, answer, rows[-1]["alive"])

    async def news(self, flight: Flight, timeout_seconds: float) -> None:
        """Return when a flight that we follow may have told something, or after the timeout."""
        news = self._news[flight.id]
        await wait_for(news, timeout_seconds)
        news.clear()

    def leave(self, flight: Flight) -> None:
        """Follow a flight no longer."""
        self._news.pop(flight.id, None)

    async def purge(self) -> int:
        """Drop what no flight needs any more; how many flights."""
        return await self._pool.execute(PURGE)

    async def _notify(self, payload: str) -> None:
        await self._pool.execute(NOTIFY, (Channel.FLIGHTS.value, payload))
