"""The two buses: exact-type dispatch behind middleware; authorisation and validation happen here, once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, TypeVar, cast

from ryorin.kernel.commands import CommandRecord, Envelope
from ryorin.kernel.consistency import EVENTUAL, Consistency, ensure
from ryorin.kernel.errors import Conflict, Forbidden, IdempotencyKeyReused, RyorinError
from ryorin.kernel.execution import CommandExecutor, described
from ryorin.kernel.messages import Actor, Command, CommandId, Query, Scope
from ryorin.kernel.ports import Attributes, CommandLog, Ids, ReadPositions, Telemetry
from ryorin.kernel.storable import check_storable
from ryorin.kernel.waiting import begun, source

R = TypeVar("R")
Step = Callable[[Envelope], Awaitable["Receipt"]]
CommandMiddleware = Callable[[Envelope, Step], Awaitable["Receipt"]]
QueryHandlers = Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the sender of a command gets: its row, and whether that row is an earlier one's."""

    record: CommandRecord
    replayed: bool = False


def authorised(actor: Actor, message: Command | Query[Any]) -> None:
    """Raise Forbidden unless the actor's credential has every scope the message needs, where it needs them."""
    for scope in message.needs():
        if actor.may(scope) or (actor.held and _may_there(actor, message, scope)):
            continue
        resource = message.touches()
        where = f" in {resource}" if resource else ""
        raise Forbidden(f"{message.name} needs the scope {scope.value!r}{where}, which this credential lacks")


def _may_there(actor: Actor, message: Command | Query[Any], scope: Scope) -> bool:
    return actor.may_somewhere(scope) if message.anywhere else actor.may(scope, message.touches())


def note_wait(telemetry: Telemetry, name: str, now: float) -> None:
    """Report how long the request behind a message waited, if this is the first thing done for it."""
    waited = begun(now)
    if waited is not None:
        telemetry.observe("ryorin_request_wait_seconds", waited, message=name)


class CommandBus:
    """Takes commands: authorise, validate, idempotency, then run inline or enqueue."""

    def __init__(
        self,
        log: CommandLog,
        executor: CommandExecutor,
        ids: Ids,
        telemetry: Telemetry,
        middleware: Sequence[CommandMiddleware] = (),
    ) -> None:
        self._log = log
        self.executor = executor
        self._ids = ids
        self._telemetry = telemetry
        self._send: Step = self._dispatch
        for outer in reversed((*middleware, self._traced, self._checked, self._idempotent)):
            self._send = _wrapped(outer, self._send)

    async def send(
        self,
        command: Command,
        actor: Actor,
        *,
        idempotency_key: str | None = None,
        correlation_id: str | None = None,
    ) -> Receipt:
        """Accept a command; inline ones have ended when this returns.

        Raises Forbidden, InvalidInput, IdempotencyKeyReused, and for inline commands whatever
        the handler refuses with (nothing is recorded then).
        """
        command_id = CommandId(self._ids.new())
        envelope = Envelope(
            id=command_id,
            command=command,
            actor=actor,
            idempotency_key=idempotency_key,
            correlation_id=correlation_id or str(command_id),
            source=source(),
        )
        return await self._send(envelope)

    async def _traced(self, envelope: Envelope, step: Step) -> Receipt:
        note_wait(self._telemetry, envelope.command.name, perf_counter())
        with self._telemetry.span("command.send", described(envelope), kind="producer") as span:
            try:
                # whoever carries it out, and whoever applies its events, goes on with this trace
                return await step(replace(envelope, traceparent=self._telemetry.traceparent()))
            except RyorinError as error:
                span.failed(error.code)
                raise

    async def _checked(self, envelope: Envelope, step: Step) -> Receipt:
        authorised(envelope.actor, envelope.command)
        check_storable(envelope.command)
        envelope.command.validate()
        return await step(envelope)

    async def _idempotent(self, envelope: Envelope, step: Step) -> Receipt:
        if envelope.idempotency_key is None:
            return await step(envelope)
        earlier = await self._earlier(envelope)
        if earlier is not None:
            return earlier
        try:
            return await step(envelope)
        except Conflict:
            earlier = await self._earlier(envelope)
            if earlier is None:
                raise
            return earlier

    async def _earlier(self, envelope: Envelope) -> Receipt | None:
        key = cast(str, envelope.idempotency_key)
        found = await self._log.find_by_key(envelope.actor.org_id, key)
        if found is None:
            return None
        record, body_hash = found
        if body_hash != envelope.body_hash:
            raise IdempotencyKeyReused(
                f"idempotency key {key!r} was used with another body; use a new key for a new command"
            )
        return Receipt(record, replayed=True)

    async def _dispatch(self, envelope: Envelope) -> Receipt:
        if envelope.command.queued:
            return Receipt(await self._log.accept(envelope))
        return Receipt(await self.executor.run_inline(envelope))


_END = object()


def _described(query: Query[Any], actor: Actor) -> Attributes:
    """A question as spans tell it: never what is asked."""
    return {"ryorin.query.name": query.name, "ryorin.organisation": actor.org_id}


def _wrapped(outer: CommandMiddleware, inner: Step) -> Step:
    async def step(envelope: Envelope) -> Receipt:
        return await outer(envelope, inner)

    return step


class QueryBus:
    """Answers queries: authorise, validate, wait for the token, measure; then the one handler."""

    def __init__(
        self,
        handlers: QueryHandlers,
        positions: ReadPositions,
        telemetry: Telemetry,
        streams: QueryHandlers | None = None,
    ) -> None:
        self._handlers = handlers
        self._streams = streams or {}
        self._positions = positions
        self._telemetry = telemetry

    async def ask(self, query: Query[R], actor: Actor, consistency: Consistency = EVENTUAL) -> R:
        """Answer a query; raises Forbidden, InvalidInput, StaleRead, or what the handler refuses with."""
        await self._admit(query, actor, consistency)
        handler = self._handlers[type(query)]
        started, outcome = self._begun(query.name), "ok"
        with self._telemetry.span("query.ask", _described(query, actor)) as span:
            try:
                return cast(R, await handler(query, actor))
            except RyorinError as error:
                outcome = error.code
                span.failed(outcome)
                raise
            finally:
                self._observe(query, started, outcome)

    async def stream(
        self, query: Query[Any], actor: Actor, consistency: Consistency = EVENTUAL
    ) -> AsyncGenerator[Any, None]:
        """Answer piece by piece; raises as `ask` before the first piece, and closes the handler early."""
        await self._admit(query, actor, consistency)
        handler = self._streams[type(query)]
        started, outcome = self._begun(query.name), "ok"
        span = self._telemetry.begin("query.stream", _described(query, actor))
        try:
            async with aclosing(handler(query, actor)) as pieces:
                while True:
                    # a generator runs in the context of whoever asks for its next piece
                    with span.current():
                        piece = await anext(pieces, _END)
                    if piece is _END:
                        return
                    yield piece
        except RyorinError as error:
            outcome = error.code
            span.failed(outcome)
            raise
        finally:
            span.end()
            self._observe(query, started, outcome)

    async def _admit(self, query: Query[Any], actor: Actor, consistency: Consistency) -> None:
        authorised(actor, query)
        check_storable(query)
        query.validate()
        if consistency.token is not None:
            await ensure(self._positions, query.depends_on(), consistency)

    def _begun(self, name: str) -> float:
        now = perf_counter()
        note_wait(self._telemetry, name, now)
        return now

    def _observe(self, query: Query[Any], started: float, outcome: str) -> None:
        elapsed = perf_counter() - started
        self._telemetry.observe("ryorin_query_duration_seconds", elapsed, query=query.name, outcome=outcome)
