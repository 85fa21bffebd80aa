"""Error codes outward: HTTP status (RFC 9457 problems) and exit code, in one table."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ryorin.kernel.errors import RyorinError

STATUS: Mapping[str, int] = {
    "invalid_input": 400,
    "unreadable_document": 422,
    "url_refused": 422,
    "model_rejected": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "collection_not_found": 404,
    "document_not_found": 404,
    "version_not_found": 404,
    "key_not_found": 404,
    "role_not_found": 404,
    "organisation_not_found": 404,
    "answer_not_found": 404,
    "hit_not_found": 404,
    "model_not_found": 404,
    "conflict": 409,
    "concurrency_conflict": 409,
    "idempotency_key_reused": 422,
    "stale_read": 503,
    "unavailable": 503,
    "newer_version": 503,
    "model_unavailable": 503,
    "model_limited": 429,
    "budget_exceeded": 429,
    "provider_not_found": 404,
    "budget_not_found": 404,
    "expert_not_found": 404,
    "file_not_found": 404,
    "gate_not_found": 404,
    "routing_not_found": 404,
    "prompt_not_found": 404,
    "prompt_cycle": 409,
    "gate_closed": 409,
    "dataset_not_found": 404,
    "style_not_found": 404,
    "evaluation_not_found": 404,
    "objective_not_found": 404,
    "sample_not_found": 404,
    "webhook_not_found": 404,
    "queue_not_found": 404,
    "nothing_to_annotate": 404,
    "webhook_refused": 422,
    "webhook_failed": 503,
    "not_comparable": 409,
    "label_protected": 409,
    "conversation_not_found": 404,
    "gate_not_better": 409,
    "lease_lost": 503,
    "backup_damaged": 422,
    "rate_limited": 429,
    "deadline_exceeded": 504,
}
MISTAKE, FAILURE = 2, 1
SERVER_ERROR = 500
# of a client that left before there was a response (nginx)
LEFT = 499


def status_of(error: RyorinError) -> int:
    """The HTTP status of an error."""
    return STATUS.get(error.code, SERVER_ERROR)


def retry_after_of(error: RyorinError) -> str | None:
    """The header `Retry-After` of an error (seconds); None where trying again is of no use or nobody knows when."""
    seconds = getattr(error, "retry_after", None)
    if seconds is not None:
        return str(max(1, math.ceil(seconds)))
    return "1" if status_of(error) in (503, 504) else None


def exit_code_of(error: RyorinError) -> int:
    """2 for what the user can mend, 1 for everything else."""
    return MISTAKE if status_of(error) < SERVER_ERROR else FAILURE


def problem(status: int, code: str, detail: str, **more: object) -> dict[str, object]:
    """A problem document; `type` names the error code, which is stable."""
    return {
        "type": f"urn:ryorin:problem:{code}",
        "title": code.replace("_", " "),
        "status": status,
        "detail": detail,
        "code": code,
        **more,
    }
