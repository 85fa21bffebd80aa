"""Writes the centre of multilingual-e5-small's vectors: their mean over general text in both languages (ADR-0005).

Four samples weigh the same: encyclopedia passages and pages of documentation, each in Japanese and in English. They
come from the evaluation sets (see benchmarks/corpora.py); only their mean is kept.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks import corpora
from benchmarks.measure import data_folder
from ryorin.adapters.onnx_e5.engine import CENTRE, OnnxE5Engine
from ryorin.adapters.parsers.parser import SandboxedParser
from ryorin.contexts.knowledge.domain.chunk_set import passage_of
from ryorin.contexts.knowledge.domain.chunking import chunk_document

SAMPLE = 800


def passages(documents: dict[str, str], parser: SandboxedParser) -> list[str]:
    """Every n-th passage as it would be embedded, eight hundred in all."""
    found = []
    for name, text in documents.items():
        parsed = parser.parse(text.encode(), name, "text/markdown")
        found += [passage_of(chunk, parsed.title or name) for chunk in chunk_document(parsed)]
    return found[:: max(1, len(found) // SAMPLE)][:SAMPLE]


def main() -> None:
    """Embed the samples and write their mean."""
    folder, parser = data_folder(), SandboxedParser()
    means = []
    with tempfile.TemporaryDirectory() as models:
        engine = OnnxE5Engine(Path(models))
        for language in ("ja", "en"):
            for documents in (corpora.passages(folder, language), corpora.pages(folder, language)):
                means.append(engine.embed_passages(passages(documents, parser)).mean(axis=0))
    parser.close()
    np.save(CENTRE, np.mean(means, axis=0).astype(np.float16))


if __name__ == "__main__":
    main()
