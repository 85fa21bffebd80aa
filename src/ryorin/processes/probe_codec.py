"""Context probes and their outlines as bytes, so that any process and any later version can read them."""

from __future__ import annotations

import json
import zlib

import numpy as np

from ryorin.contexts.knowledge.queries import ContextProbe
from ryorin.contexts.knowledge.reverse_search import ListBounds, ProbeOutline, outline
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


def encode_outline(probe: ContextProbe) -> bytes:
    """What a change is first compared with: a line of JSON, then vectors, terms and their weights as they are.

    A hundred thousand of these are read when a process begins to follow a collection, so nothing is compressed.
    """
    found = outline("", probe)
    head = {
        "model_id": found.model_id,
        "bounds": to_json(found.bounds),
        "dimensions": found.vectors.shape[1],
        "terms": len(found.term_ids),
        "lexical": to_json(found.lexical),
        "pool_floor": found.pool_floor,
        "documents": sorted(found.documents),
        "filtered": found.filtered,
    }
    arrays = (found.vectors, found.term_ids, found.term_weights)
    return json.dumps(head).encode() + b"\n" + b"".join(array.tobytes() for array in arrays)


def decode_outline(key: str, data: bytes) -> ProbeOutline:
    """The outline of the answer with a key."""
    line, _, body = data.partition(b"\n")
    head = json.loads(line)
    lists, dimensions, terms = len(head["bounds"]), head["dimensions"], head["terms"]
    rows = lists if dimensions else 0
    ends = np.cumsum([4 * rows * dimensions, 4 * terms, 4 * terms]).tolist()
    return ProbeOutline(
        key=key,
        model_id=head["model_id"],
        vectors=np.frombuffer(body[: ends[0]], dtype=np.float32).reshape(rows, dimensions),
        bounds=tuple(ListBounds(**bounds) for bounds in head["bounds"]),
        term_ids=np.frombuffer(body[ends[0] : ends[1]], dtype=np.int32),
        term_weights=np.frombuffer(body[ends[1] : ends[2]], dtype=np.float32),
        lexical=ListBounds(**head["lexical"]),
        pool_floor=head["pool_floor"],
        documents=frozenset(head["documents"]),
        filtered=head["filtered"],
    )
