"""What becomes of an organisation's commands, for all who want to know it at the same time: asked for once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress

from ryorin.contexts.operations.queries import CommandView, ListCommands
from ryorin.entrypoints.websocket.connection import Gone, encode
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.codec import to_json
from ryorin.kernel.commands import CommandState
from ryorin.kernel.errors import RyorinError
from ryorin.kernel.messages import Actor, OrgId

LOOK_SECONDS = 0.5
NEWEST = 100
# changes that wait for a slow reader: of each command the newest, and of so many commands
MAX_WAITING = 1000


class Following:
    """One reader of an organisation's events."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self._waiting: OrderedDict[str, str] = OrderedDict()
        self._news = asyncio.Event()
        self._missed = 0

    def put(self, command: str, text: str) -> None:
        """A change; an earlier one of the same command that was not read yet is forgotten."""
        self._waiting.pop(command, None)
        self._waiting[command] = text
        while len(self._waiting) > MAX_WAITING:
            self._waiting.popitem(last=False)
            self._missed += 1
        self._news.set()

    async def tell(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Send changes as they come, until nobody is there."""
        with suppress(Gone):
            while True:
                await self._news.wait()
                self._news.clear()
                if self._missed:
                    await send(encode({"type": "missed", "commands": self._missed}))
                    self._missed = 0
                while self._waiting:
                    _, text = self._waiting.popitem(last=False)
                    await send(text)


class CommandEvents:
    """Looks at each organisation's commands twice a second while somebody follows them."""

    def __init__(self, queries: QueryBus) -> None:
        self._queries = queries
        self._followers: dict[OrgId, list[Following]] = {}
        self._looking: dict[OrgId, asyncio.Task[None]] = {}

    async def follow(self, actor: Actor) -> Following:
        """Begin to follow: whatever changes from here on is told. Raises Forbidden for whoever may not see commands."""
        known = await self._present(actor)
        following = Following(actor)
        self._followers.setdefault(actor.org_id, []).append(following)
        if actor.org_id not in self._looking:
            self._looking[actor.org_id] = asyncio.create_task(self._look(actor.org_id, known))
        return following

    def leave(self, following: Following) -> None:
        """Follow no more."""
        org_id = following.actor.org_id
        others = [one for one in self._followers.get(org_id, ()) if one is not following]
        self._followers[org_id] = others
        if not others:
            del self._followers[org_id]
            task = self._looking.pop(org_id, None)
            if task is not None:
                task.cancel()

    async def _look(self, org_id: OrgId, known: dict[str, str]) -> None:
        while True:
            with suppress(RyorinError):
                # while the database is away nothing is told; what changed meanwhile is told afterwards
                texts = await self._present(self._followers[org_id][0].actor)
                for command, text in texts.items():
                    if known.get(command) != text:
                        for following in self._followers[org_id]:
                            following.put(command, text)
                known = texts
            await asyncio.sleep(LOOK_SECONDS)

    async def _present(self, actor: Actor) -> dict[str, str]:
        """The newest commands, and those that run, oldest first, as they are told."""
        newest = await self._queries.ask(ListCommands(limit=NEWEST), actor)
        running = await self._queries.ask(ListCommands(state=CommandState.RUNNING, limit=NEWEST), actor)
        views = {view.id: view for view in (*newest, *running)}
        ordered: list[CommandView] = sorted(views.values(), key=lambda view: view.sequence)
        return {view.id: encode({"type": "command", "command": to_json(view)}) for view in ordered}
