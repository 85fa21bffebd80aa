"""Runs commands: one attempt each, under a lease, with retries, dead letters and progress."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

from ryorin.kernel.commands import CommandRecord, CommandState, Envelope, Failure
from ryorin.kernel.errors import ConcurrencyConflict, LeaseLost, RyorinError
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.messages import Command
from ryorin.kernel.ports import Attributes, Clock, CommandLog, CommandTransaction, Telemetry, Transactions
from ryorin.kernel.together import ended

logger = logging.getLogger(__name__)

Handlers = Mapping[type[Command], CommandHandler[Any, Any]]

# a third of the lease, so that two renewals may be lost before another worker takes over
RENEW_SECONDS = 5.0
# progress is for people: twice a second is enough and cheap
PROGRESS_SECONDS = 0.5
DECIDE_ATTEMPTS = 10


def described(envelope: Envelope) -> Attributes:
    """A command as spans tell it: never what it carries."""
    return {
        "ryorin.command.name": envelope.command.name,
        "ryorin.command.id": str(envelope.id),
        "ryorin.organisation": envelope.actor.org_id,
        "ryorin.correlation_id": envelope.correlation_id,
    }


class CommandExecutor:
    """Finds the handler of a command and carries one attempt to its recorded end."""

    def __init__(
        self,
        handlers: Handlers,
        log: CommandLog,
        transactions: Transactions,
        clock: Clock,
        telemetry: Telemetry,
        random: Callable[[], float],
    ) -> None:
        self._handlers = handlers
        self._log = log
        self._transactions = transactions
        self._clock = clock
        self._telemetry = telemetry
        self._random = random

    async def run_inline(self, envelope: Envelope) -> CommandRecord:
        """Run a command in the caller's time; acceptance, events and result are one transaction."""
        command, handler = envelope.command, self._handlers[type(envelope.command)]
        started = perf_counter()
        for attempt in range(DECIDE_ATTEMPTS):
            try:
                async with self._transactions.begin(envelope) as transaction:
                    record = await transaction.accept_running(envelope)
                    run = Run(record)
                    prepared = await handler.prepare(command, run)
                    result = await handler.decide(command, prepared, run, transaction)
                    await transaction.succeed(record, result)
                break
            except ConcurrencyConflict:
                if attempt + 1 == DECIDE_ATTEMPTS:
                    raise
        self._observe(command, started, "succeeded")
        ended = await self._log.get(envelope.actor.org_id, envelope.id)
        assert ended is not None  # this transaction wrote the row
        return ended

    async def run_next(self, queue: str) -> bool:
        """Lease the command of a queue whose turn it is and run one attempt; False when there is none."""
        record = await self._log.lease(queue)
        if record is None:
            return False
        command, started = record.envelope.command, perf_counter()
        parent = record.envelope.traceparent
        with self._telemetry.span(
            "command.run",
            {**described(record.envelope), "ryorin.command.attempt": record.attempts, "ryorin.queue": queue},
            parents=(parent,) if parent else (),
            kind="consumer",
        ) as span:
            outcome = await self._attempt(record)
            if outcome != "succeeded":
                span.failed(outcome)
        self._observe(command, started, outcome)
        return True

    async def _attempt(self, record: CommandRecord) -> str:
        run = Run(record)
        try:
            await self._with_heartbeat(run)
            return "succeeded"
        except LeaseLost:
            logger.warning("command %s was taken over by another worker", record.envelope.id)
            return "lease_lost"
        except RyorinError as error:
            return await self._failed(run, error, error.retryable)
        except Exception as error:
            logger.exception("command %s failed unexpectedly", record.envelope.id)
            wrapped = RyorinError(f"{type(error).__name__}: {error}")
            return await self._failed(run, wrapped, retryable=True)

    async def _with_heartbeat(self, run: Run) -> None:
        work = asyncio.create_task(self._handle(run))
        renewal = asyncio.create_task(self._renew(run))
        try:
            await asyncio.wait({work, renewal}, return_when=asyncio.FIRST_COMPLETED)
            if renewal.done() and not work.done():
                renewal.result()
            await work
        finally:
            await ended(work, renewal)

    async def _renew(self, run: Run) -> None:
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            try:
                async with asyncio.timeout(RENEW_SECONDS - PROGRESS_SECONDS):
                    await run.changed.wait()
            except TimeoutError:
                pass  # nothing to report: renew all the same
            run.changed.clear()
            await self._log.extend(run.record, run.progress)

    async def _handle(self, run: Run) -> None:
        command = run.record.envelope.command
        handler = self._handlers[type(command)]
        prepared = await handler.prepare(command, run)
        for attempt in range(DECIDE_ATTEMPTS):
            try:
                async with self._transactions.begin(run.record.envelope) as transaction:
                    result = await handler.decide(command, prepared, run, transaction)
                    await transaction.succeed(run.record, result)
                return
            except ConcurrencyConflict:
                if attempt + 1 == DECIDE_ATTEMPTS:
                    raise

    async def _failed(self, run: Run, error: RyorinError, retryable: bool) -> str:
        failure = self._judge(run.record, error, retryable)
        try:
            async with self._transactions.begin(run.record.envelope) as transaction:
                if failure.next_attempt_at is None:
                    await self._tell_handler(run, error, transaction)
                await transaction.fail(run.record, failure)
        except LeaseLost:
            return "lease_lost"
        return failure.state.value

    async def _tell_handler(self, run: Run, error: RyorinError, transaction: CommandTransaction) -> None:
        command = run.record.envelope.command
        await self._handlers[type(command)].on_failure(command, error, run, transaction)

    def _judge(self, record: CommandRecord, error: RyorinError, retryable: bool) -> Failure:
        policy = record.envelope.command.retry
        if not retryable or error.code in policy.permanent:
            return Failure(CommandState.FAILED, error.code, error.detail)
        if record.attempts >= policy.attempts:
            return Failure(CommandState.DEAD, error.code, error.detail)
        due = self._clock.now() + policy.pause(record.attempts, self._random())
        return Failure(CommandState.FAILED, error.code, error.detail, next_attempt_at=due)

    def _observe(self, command: Command, started: float, outcome: str) -> None:
        self._telemetry.count("ryorin_command_attempts_total", command=command.name, outcome=outcome)
        elapsed = perf_counter() - started
        self._telemetry.observe("ryorin_command_duration_seconds", elapsed, command=command.name)
