"""The statements of the command log; every change of a running command is fenced by its lease."""

COLUMNS = """id, sequence, org_id, name, payload, body_hash, idempotency_key, correlation_id, traceparent,
    actor, queue, state, attempts, lease, next_attempt_at, progress, result, error,
    transaction_id::text::bigint AS transaction_id, position, accepted_at, started_at, finished_at"""

INSERT = f"""
INSERT INTO commands (id, org_id, name, payload, body_hash, idempotency_key, correlation_id, traceparent,
                      actor, queue, state, attempts, lease, lease_owner, started_at)
VALUES (%(id)s, %(org_id)s, %(name)s, %(payload)s, %(body_hash)s, %(idempotency_key)s, %(correlation_id)s,
        %(traceparent)s, %(actor)s, %(queue)s, %(state)s,
        CASE WHEN %(state)s = 'running' THEN 1 ELSE 0 END,
        CASE WHEN %(state)s = 'running' THEN gen_random_uuid() END,
        CASE WHEN %(state)s = 'running' THEN %(lease_owner)s END,
        CASE WHEN %(state)s = 'running' THEN now() END)
RETURNING {COLUMNS}
"""

BY_KEY = f"SELECT {COLUMNS} FROM commands WHERE org_id = %s AND idempotency_key = %s"
GET = f"SELECT {COLUMNS} FROM commands WHERE org_id = %s AND id = %s"

LIST = f"""
SELECT {COLUMNS} FROM commands
WHERE org_id = %(org_id)s
  AND (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(name)s::text IS NULL OR name = %(name)s)
  AND (%(before)s::bigint IS NULL OR sequence < %(before)s)
ORDER BY sequence DESC LIMIT %(limit)s
"""

# a statement of its own: it has an index, which a plan for any filter would not use
LIST_CORRELATED = f"""
SELECT {COLUMNS} FROM commands
WHERE org_id = %(org_id)s AND correlation_id = %(correlation_id)s
  AND (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(name)s::text IS NULL OR name = %(name)s)
  AND (%(before)s::bigint IS NULL OR sequence < %(before)s)
ORDER BY sequence DESC LIMIT %(limit)s
"""

# what the index of open commands holds
OPEN_CONDITION = "(state IN ('accepted', 'running') OR (state = 'failed' AND next_attempt_at IS NOT NULL))"

RUNNABLE_CONDITION = """(state = 'accepted'
    OR (state = 'failed' AND next_attempt_at <= now())
    OR (state = 'running' AND lease_expires_at < now()))"""

# Whose turn it is: of each organisation with open commands the oldest that can be run, and of those the one whose
# organisation has the fewest under way. Two workers that look at once do not take the same. In the order of acceptance,
# which only the index of open commands has: others begin with the organisation too, and hold all that ever ended.
# Attempts count handled failures; a worker that vanished counts as an interruption of the same attempt. Whose worker
# vanished twice is carried out alone in its process: then it is known who did it, and nobody is interrupted with it.
# Commands of a newer version are left to its workers.
LEASE = f"""
WITH RECURSIVE organisations AS (
    (SELECT org_id FROM commands WHERE queue = %(queue)s AND {OPEN_CONDITION} ORDER BY org_id LIMIT 1)
    UNION ALL
    SELECT (SELECT c.org_id FROM commands c WHERE c.queue = %(queue)s AND c.org_id > organisations.org_id
            AND {OPEN_CONDITION} ORDER BY c.org_id LIMIT 1)
    FROM organisations WHERE organisations.org_id IS NOT NULL),
turn AS (
    SELECT oldest.id
    FROM organisations
    CROSS JOIN LATERAL (
        SELECT id, accepted_at FROM commands c
        WHERE c.queue = %(queue)s AND c.org_id = organisations.org_id AND {OPEN_CONDITION} AND {RUNNABLE_CONDITION}
          AND c.name = ANY(%(names)s)
        ORDER BY c.accepted_at, c.id LIMIT 1 FOR UPDATE SKIP LOCKED) AS oldest
    ORDER BY (SELECT count(*) FROM commands r
              WHERE r.queue = %(queue)s AND r.org_id = organisations.org_id AND r.state = 'running'
                AND r.lease_expires_at >= now()),
        oldest.accepted_at, oldest.id
    LIMIT 1)
UPDATE commands SET
    interruptions = interruptions + CASE WHEN state = 'running' THEN 1 ELSE 0 END,
    attempts = attempts + CASE WHEN state = 'running' THEN 0 ELSE 1 END,
    state = CASE WHEN state = 'running' AND interruptions >= %(max_interruptions)s THEN 'dead' ELSE 'running' END,
    error = CASE WHEN state = 'running' AND interruptions >= %(max_interruptions)s
            THEN jsonb_build_object('code', 'worker_lost',
                 'detail', 'the worker vanished ' || interruptions || ' times while running this command')
            ELSE error END,
    finished_at = CASE WHEN state = 'running' AND interruptions >= %(max_interruptions)s THEN now() END,
    lease = gen_random_uuid(), lease_owner = %(owner)s,
    lease_expires_at = now() + make_interval(secs => %(seconds)s),
    next_attempt_at = NULL, started_at = COALESCE(started_at, now())
WHERE id = (SELECT id FROM turn)
  AND NOT EXISTS (
    SELECT 1 FROM commands o
    WHERE o.state = 'running' AND o.lease_owner = %(owner)s AND o.lease_expires_at >= now()
      AND (o.interruptions >= %(suspect)s
           OR commands.interruptions + (commands.state = 'running')::int >= %(suspect)s))
RETURNING {COLUMNS}
"""

SUCCEED = """
UPDATE commands SET state = 'succeeded', result = %(result)s, error = NULL, finished_at = now(),
    lease = NULL, lease_expires_at = NULL,
    transaction_id = %(transaction_id)s::text::xid8, position = %(position)s
WHERE id = %(id)s AND lease = %(lease)s AND state = 'running'
"""

FAIL = """
UPDATE commands SET state = %(state)s, error = %(error)s, next_attempt_at = %(next_attempt_at)s,
    finished_at = CASE WHEN %(next_attempt_at)s::timestamptz IS NULL THEN now() END,
    lease = NULL, lease_expires_at = NULL
WHERE id = %(id)s AND lease = %(lease)s AND state = 'running'
"""

EXTEND = """
UPDATE commands SET lease_expires_at = now() + make_interval(secs => %(seconds)s),
    progress = COALESCE(%(progress)s, progress)
WHERE id = %(id)s AND lease = %(lease)s AND state = 'running'
"""

REQUEUE = f"""
UPDATE commands SET state = 'accepted', attempts = 0, interruptions = 0, next_attempt_at = NULL,
    finished_at = NULL, progress = NULL
WHERE org_id = %s AND id = %s AND state IN ('failed', 'dead', 'cancelled') RETURNING {COLUMNS}
"""

# rolled back where the command is in no state to be tried again
REWRITE = "UPDATE commands SET payload = %s WHERE org_id = %s AND id = %s AND state IN ('failed', 'dead', 'cancelled')"

DISCARD = f"""
UPDATE commands SET state = 'cancelled', next_attempt_at = NULL, finished_at = now()
WHERE org_id = %s AND id = %s AND state IN ('accepted', 'failed', 'dead') RETURNING {COLUMNS}
"""

RUNNABLE = f"SELECT id, queue FROM commands WHERE {RUNNABLE_CONDITION} ORDER BY sequence LIMIT 10000"

LEASE_OWNERS = "SELECT DISTINCT lease_owner FROM commands WHERE state = 'running' AND lease_owner IS NOT NULL"

FREE_LEASES = """
UPDATE commands SET lease_expires_at = now() - interval '1 second'
WHERE state = 'running' AND lease_owner = ANY(%s)
"""

DEPTH = f"""
SELECT queue, count(*) AS depth,
       COALESCE(EXTRACT(epoch FROM now() - min(accepted_at)), 0)::float8 AS oldest_seconds
FROM commands
WHERE {OPEN_CONDITION}
GROUP BY queue
"""

DEAD = """
SELECT count(*) AS dead, COALESCE(EXTRACT(epoch FROM now() - min(finished_at)), 0)::float8 AS oldest_seconds
FROM commands WHERE state = 'dead'
"""
