"""Context probes and their outlines as bytes, so that any process and any later version can read them."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.outline import ListBounds, ProbeOutline, outline
from ryorin.contexts.knowledge.queries import Candidate, ContextProbe
from ryorin.kernel.codec import from_json, to_json

N = TypeVar("N", bound=np.generic)

# before anything that zlib begins with
BINARY = b"\x01"


def encode_probe(probe: ContextProbe) -> bytes:
    """A probe as bytes: a line of JSON, then vectors, terms and candidates as they are."""
    lists = (*probe.dense, probe.lexical)
    entries = [entry for candidates in lists for entry in candidates]
    documents = {document: at for at, document in enumerate(dict.fromkeys(entry.document for entry in entries))}
    vectors = np.array(probe.vectors, dtype=np.float32)
    head = {
        "probe": to_json(replace(probe, vectors=(), term_ids=(), term_weights=(), dense=(), lexical=())),
        "dimensions": vectors.shape[1] if len(vectors) else 0,
        "vectors": len(vectors),
        "terms": len(probe.term_ids),
        "lists": [len(candidates) for candidates in lists],
        "documents": list(documents),
    }
    arrays = (
        vectors,
        np.array(probe.term_ids, dtype=np.int32),
        np.array(probe.term_weights, dtype=np.float64),
        np.array([entry.chunk_id for entry in entries], dtype=np.int64),
        np.array([entry.score for entry in entries], dtype=np.float64),
        np.array([documents[entry.document] for entry in entries], dtype=np.int32),
    )
    body = json.dumps(head).encode() + b"\n" + b"".join(array.tobytes() for array in arrays)
    return BINARY + zlib.compress(body, level=1)


def decode_probe(data: bytes) -> ContextProbe:
    """The probe that was encoded."""
    if data[:1] != BINARY:
        # as it was written before there was a binary form
        old: ContextProbe = from_json(ContextProbe, json.loads(zlib.decompress(data)))
        return old
    line, _, body = zlib.decompress(data[1:]).partition(b"\n")
    head = json.loads(line)
    count = sum(head["lists"])
    read = _Reader(body)
    vectors = read(np.float32, head["vectors"] * head["dimensions"]).reshape(head["vectors"], head["dimensions"])
    term_ids, term_weights = read(np.int32, head["terms"]), read(np.float64, head["terms"])
    ids, scores, named = read(np.int64, count), read(np.float64, count), read(np.int32, count)
    names: list[str] = head["documents"]
    entries = [
        Candidate(identifier, names[at], score)
        for identifier, at, score in zip(ids.tolist(), named.tolist(), scores.tolist(), strict=True)
    ]
    ends = list(accumulate(head["lists"], initial=0))
    lists = [tuple(entries[first:last]) for first, last in pairwise(ends)]
    probe: ContextProbe = from_json(ContextProbe, head["probe"])
    return replace(
        probe,
        vectors=tuple(tuple(vector) for vector in vectors.tolist()),
        term_ids=tuple(term_ids.tolist()),
        term_weights=tuple(term_weights.tolist()),
        dense=tuple(lists[:-1]),
        lexical=lists[-1],
    )


class _Reader:
    """Takes arrays from bytes, one behind the other."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def __call__(self, kind: type[N], count: int) -> NDArray[N]:
        found = np.frombuffer(self._body, dtype=kind, count=count, offset=self._at)
        self._at += found.nbytes
        return found


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
