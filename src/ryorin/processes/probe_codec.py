"""Context probes as bytes: compressed JSON, so that any process and any later version can read them."""

from __future__ import annotations

import json
import zlib

from ryorin.contexts.knowledge.queries import ContextProbe
from ryorin.kernel.codec import from_json, to_json


def encode_probe(probe: ContextProbe) -> bytes:
    """A probe as bytes; vectors are rounded to what the index keeps of them."""
    data = to_json(probe)
    assert isinstance(data, dict)
    data["vectors"] = [[round(value, 5) for value in vector] for vector in probe.vectors]
    return zlib.compress(json.dumps(data, separators=(",", ":")).encode(), level=1)


def decode_probe(data: bytes) -> ContextProbe:
    """The probe that was encoded."""
    probe: ContextProbe = from_json(ContextProbe, json.loads(zlib.decompress(data)))
    return probe
