"""What makes two questions the same: everything a model's answer may depend on, and nothing else.

Normalisation (version 5, ADR-0018): text is brought to Unicode normalisation form C, line ends become \\n, white
space around each message is dropped, and defaults are written out. Nothing else inside a message is touched: a model
may answer it differently.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata

from ryorin.contexts.answers.queries import AnswerQuestion, ChatMessage
from ryorin.kernel.codec import to_json
from ryorin.kernel.messages import Actor

NORMALISATION = 5


def cache_key(query: AnswerQuestion, actor: Actor, model_identity: str = "") -> str:
    """The key of a question within its organisation: SHA-256, hex.

    `model_identity` says what stands behind the model's alias. What is made from documents belongs to those who read
    as the actor does.
    """
    parts = {
        "normalisation": NORMALISATION,
        "org_id": actor.org_id,
        "messages": [_said(message) for message in query.messages],
        "model": query.model,
        "model_identity": model_identity,
        "sampling": to_json(query.sampling),
        "tools": to_json(query.tools),
        "form": to_json(query.form),
        "prompt": to_json(query.prompted),
        "adapter": query.adapter,
        "grounding": to_json(query.grounding),
        # without documents it does not matter who asks
        "readers": to_json(actor.readers) if query.grounding else None,
    }
    body = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()


def _said(message: ChatMessage) -> list[object]:
    said: list[object] = [message.role, _trimmed(message.content)]
    if message.calls or message.call_id is not None:
        said += [to_json(message.calls), message.call_id]
    return said


def _trimmed(text: str) -> str:
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").strip()
