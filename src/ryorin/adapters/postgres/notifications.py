"""One LISTEN connection per process: wakes whoever waits for events, projections, commands or evictions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from enum import StrEnum

from psycopg import AsyncConnection, OperationalError

logger = logging.getLogger(__name__)

RECONNECT_SECONDS = 1.0


class Channel(StrEnum):
    """What is told, and to whom it matters."""

    EVENTS = "ryorin_events"
    PROJECTIONS = "ryorin_projections"
    COMMANDS = "ryorin_commands"
    EVICTIONS = "ryorin_evictions"
    FLIGHTS = "ryorin_flights"


class Notifications:
    """Fans PostgreSQL notifications out to callbacks; a lost connection is told as a gap.

    `greetings` are statements that give the payloads with which listening to a channel begins.
    """

    def __init__(self, url: str, greetings: Mapping[Channel, str] | None = None) -> None:
        self._url = url
        # read after listening began: what was committed before is in them, what comes after is told
        self._greetings = greetings or {}
        self._callbacks: dict[str, list[Callable[[str], None]]] = {channel.value: [] for channel in Channel}
        self._declarations: list[str] = []
        self._arriving = asyncio.Event()
        self._gap_callbacks: list[Callable[[bool], None]] = []

    def subscribe(self, channel: Channel, callback: Callable[[str], None]) -> None:
        """Call back with each payload; callbacks are quick and never raise."""
        self._callbacks[channel.value].append(callback)

    def on_connection(self, callback: Callable[[bool], None]) -> None:
        """Call back with True when listening begins and False when notifications may get lost."""
        self._gap_callbacks.append(callback)

    def declare(self, statement: str) -> None:
        """Run a statement on the connection whenever listening begins, before the greetings."""
        self._declarations.append(statement)

    async def listening(self, timeout_seconds: float) -> None:
        """Return when notifications arrive, or after the timeout."""
        await wait_for(self._arriving, timeout_seconds)

    async def run(self) -> None:
        """Listen until cancelled, reconnecting after failures."""
        while True:
            try:
                await self._listen()
            except OperationalError as error:
                logger.warning("listening for notifications failed: %s", str(error).strip())
            finally:
                self._tell(connected=False)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        async with await AsyncConnection.connect(self._url, autocommit=True) as connection:
            for channel in Channel:
                await connection.execute(f"LISTEN {channel.value}")
            for statement in self._declarations:
                await connection.execute(statement)
            for channel, greeting in self._greetings.items():
                for (payload,) in await (await connection.execute(greeting)).fetchall():
                    self._deliver(channel, payload)
            self._tell(connected=True)
            async for notification in connection.notifies():
                # what is declared on this very connection is for others
                if notification.pid != connection.info.backend_pid:
                    self._deliver(notification.channel, notification.payload)

    def _deliver(self, channel: str, payload: str) -> None:
        for callback in self._callbacks.get(channel, ()):
            callback(payload)

    def _tell(self, *, connected: bool) -> None:
        for callback in self._gap_callbacks:
            callback(connected)
        if connected:
            self._arriving.set()
        else:
            self._arriving.clear()


class Wakeup:
    """Lets many coroutines wait for the next ring, each with its own timeout (seconds).

    Take the ticket before looking at the state that the ring announces: a ring between the look
    and the wait is then not missed.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ticket(self) -> asyncio.Event:
        """What the next ring will set."""
        return self._event

    def ring(self, _payload: str = "") -> None:
        """Wake everyone who holds a ticket."""
        self._event.set()
        self._event = asyncio.Event()


async def wait_for(ticket: asyncio.Event, timeout_seconds: float) -> bool:
    """Whether the ticket's ring came within the timeout."""
    try:
        async with asyncio.timeout(timeout_seconds):
            await ticket.wait()
    except TimeoutError:
        return False
    return True
