"""Wires the spine: database, logs, queue, telemetry and what they tell each other."""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry.trace import Tracer

from ryorin.adapters.local.system import SystemClock, TimeOrderedIds
from ryorin.adapters.otel.telemetry import OpenTelemetry
from ryorin.adapters.postgres import answer_flights, answers, projections
from ryorin.adapters.postgres.command_log import PostgresCommandLog
from ryorin.adapters.postgres.event_store import PostgresEventStore
from ryorin.adapters.postgres.notifications import Channel, Notifications, Wakeup
from ryorin.adapters.postgres.owner import OwnerName
from ryorin.adapters.postgres.pool import Pool
from ryorin.adapters.postgres.projections import PostgresReadPositions
from ryorin.adapters.postgres.transactions import PostgresTransactions
from ryorin.adapters.prometheus.metrics import PrometheusMetrics
from ryorin.bootstrap.wiring.queues import Workers
from ryorin.contexts.annotation import commands as annotation_commands
from ryorin.contexts.annotation import events as annotation_events
from ryorin.contexts.answers import commands as answers_commands
from ryorin.contexts.answers import events as answers_events
from ryorin.contexts.conversations import commands as conversations_commands
from ryorin.contexts.conversations import events as conversations_events
from ryorin.contexts.evaluation import commands as evaluation_commands
from ryorin.contexts.evaluation import events as evaluation_events
from ryorin.contexts.files import commands as files_commands
from ryorin.contexts.files import events as files_events
from ryorin.contexts.gateway import commands as gateway_commands
from ryorin.contexts.gateway import events as gateway_events
from ryorin.contexts.identity import commands as identity_commands
from ryorin.contexts.identity import events as identity_events
from ryorin.contexts.knowledge import commands as knowledge_commands
from ryorin.contexts.knowledge import events as knowledge_events
from ryorin.contexts.knowledge.queries import DOCUMENTS_MODEL, SEARCH_MODEL
from ryorin.contexts.operations import commands as operations_commands
from ryorin.contexts.prompts import commands as prompts_commands
from ryorin.contexts.prompts import events as prompts_events
from ryorin.contexts.routing import commands as routing_commands
from ryorin.contexts.routing import events as routing_events
from ryorin.contexts.traffic import commands as traffic_commands
from ryorin.contexts.traffic import events as traffic_events
from ryorin.contexts.webhooks import commands as webhooks_commands
from ryorin.contexts.webhooks import events as webhooks_events
from ryorin.kernel.codec import command_registry, event_registry

# the read models that are read from a replica, where there is one
REPLICATED = (DOCUMENTS_MODEL, SEARCH_MODEL)


@dataclass(frozen=True, slots=True)
class Foundation:
    """The spine's adapters, connected."""

    pool: Pool
    # where knowledge is read: a replica, or the same
    reading: Pool
    events: PostgresEventStore
    log: PostgresCommandLog
    queue: Workers
    transactions: PostgresTransactions
    positions: PostgresReadPositions
    notifications: Notifications
    metrics: PrometheusMetrics
    telemetry: OpenTelemetry
    clock: SystemClock
    ids: TimeOrderedIds


def build_foundation(
    pool: Pool, queue: Workers, tracer: Tracer | None = None, replica: Pool | None = None
) -> Foundation:
    """Connect the spine on open pools; without a tracer nothing is traced."""
    events_known, commands_known = event_registry(), command_registry()
    events_known.register(
        *knowledge_events.EVENTS,
        *identity_events.EVENTS,
        *answers_events.EVENTS,
        *gateway_events.EVENTS,
        *routing_events.EVENTS,
        *files_events.EVENTS,
        *prompts_events.EVENTS,
        *conversations_events.EVENTS,
        *evaluation_events.EVENTS,
        *traffic_events.EVENTS,
        *annotation_events.EVENTS,
        *webhooks_events.EVENTS,
    )
    for commands in (
        knowledge_commands,
        identity_commands,
        operations_commands,
        answers_commands,
        gateway_commands,
        routing_commands,
        files_commands,
        prompts_commands,
        conversations_commands,
        evaluation_commands,
        traffic_commands,
        annotation_commands,
        webhooks_commands,
    ):
        commands_known.register(*commands.COMMANDS)
    notifications = Notifications(
        pool.url,
        {
            Channel.PROJECTIONS: projections.GREETING,
            Channel.EVICTIONS: answers.GREETING,
            Channel.FLIGHTS: answer_flights.GREETING,
        },
    )
    appended, ended = Wakeup(), Wakeup()
    notifications.subscribe(Channel.EVENTS, appended.ring)
    notifications.subscribe(Channel.COMMANDS, ended.ring)
    positions = PostgresReadPositions(pool, Wakeup(), replica, REPLICATED)
    notifications.subscribe(Channel.PROJECTIONS, positions.tell)
    notifications.on_connection(positions.connection)
    events = PostgresEventStore(pool, events_known, appended)
    log = PostgresCommandLog(pool, commands_known, queue, OwnerName.of_this_process(), ended)
    metrics = PrometheusMetrics()
    return Foundation(
        pool=pool,
        reading=replica or pool,
        events=events,
        log=log,
        queue=queue,
        transactions=PostgresTransactions(pool, events, log),
        positions=positions,
        notifications=notifications,
        metrics=metrics,
        telemetry=OpenTelemetry(metrics, tracer),
        clock=SystemClock(),
        ids=TimeOrderedIds(),
    )
