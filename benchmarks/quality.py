"""How good is retrieval in Japanese and English: vector only, lexical only, fused, reranked, expanded?

Documents are the passages of the question sets with documentation pages as distractors, ingested as a user would.
One question has one right document; a document counts at the place of its best chunk. Each step is compared with the
one before it question by question (paired bootstrap, 95 %).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks import corpora
from benchmarks.bm25 import PlainBm25, bigrams, words
from benchmarks.measure import Machine, data_folder, report, say
from ryorin.bootstrap.app import Role, open_app
from ryorin.bootstrap.settings import ExpansionSettings, Settings
from ryorin.contexts.identity.module import LOCAL_ADMINISTRATOR
from ryorin.contexts.knowledge.domain.ranking import rank
from ryorin.contexts.knowledge.expansion import RetrieveContext
from ryorin.contexts.knowledge.queries import Candidate, SearchChunks
from ryorin.entrypoints.cli.ingest import FolderIngest, Target
from ryorin.entrypoints.services import Services
from ryorin.kernel.consistency import Consistency
from ryorin.kernel.events import LogPosition

DEPTH = 10
# chunks asked for: enough for ten documents when some give several chunks
TOP_K = 30
ASKED_AT_A_TIME = 8
# every third page of documentation is a distractor, or embedding them would take half an hour
EVERY = 3
TOKENISERS = {"ja": bigrams, "en": words}
SIDES = ("vector", "lexical", "fused", "rerank", "bm25")
# each step and the one before it
STEPS = (("fused", "lexical"), ("rerank", "fused"))
RESAMPLES = 2000
# questions a language that are also asked with further wordings: a model on two cores takes seconds for each
EXPANDED = 200


@dataclass(slots=True)
class Scores:
    """The place of the right document for each question, None where it is not among the first ten."""

    places: list[int | None] = field(default_factory=list)

    def note(self, ranking: Sequence[str], right: str) -> None:
        """Add a question's ranking of documents."""
        self.places.append(ranking.index(right) + 1 if right in ranking else None)

    def gains(self) -> NDArray[np.float64]:
        """nDCG@10 of each question."""
        return np.array([1 / math.log2(place + 1) if place else 0.0 for place in self.places])

    def figures(self) -> dict[str, float]:
        """recall@1, recall@5, MRR@10 and nDCG@10."""
        total = len(self.places)
        found = [place for place in self.places if place is not None]
        return {
            "recall_at_1": round(sum(place == 1 for place in found) / total, 4),
            "recall_at_5": round(sum(place <= 5 for place in found) / total, 4),
            "mrr": round(sum(1 / place for place in found) / total, 4),
            "ndcg": round(float(self.gains().mean()), 4),
        }


def interval(after: Scores, before: Scores) -> dict[str, float]:
    """The mean gain in nDCG@10 of one step over another, and the 95 % interval of the paired bootstrap."""
    differences = after.gains() - before.gains()
    random = np.random.default_rng(20261121)
    means = [float(random.choice(differences, len(differences)).mean()) for _ in range(RESAMPLES)]
    low, high = np.percentile(means, (2.5, 97.5))
    return {"gain": round(float(differences.mean()), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def documents_of(names: Iterable[str]) -> list[str]:
    """The first ten different documents of a ranking of chunks."""
    return list(dict.fromkeys(names))[:DEPTH]


async def ingest(services: Services, folder: Path, language: str, documents: dict[str, str]) -> LogPosition | None:
    """Ingest documents as a folder; the position that holds all of them."""
    corpora.write(folder, documents)
    runner = FolderIngest(services, LOCAL_ADMINISTRATOR, Target(folder, language, ()), Console(stderr=True))
    result = await runner.once()
    say(f"{language}: {len(documents)} documents, {result.chunks} chunks, {len(result.failed)} failed")
    return LogPosition.parse(result.position) if result.position else None


async def ask(
    services: Services, language: str, questions: Sequence[corpora.Question], seen: LogPosition | None
) -> tuple[dict[str, Scores], list[dict[str, object]]]:
    """Ask every question once: the reranked hits, and the lists that they come from."""
    scores = {side: Scores() for side in SIDES}
    lists: list[dict[str, object]] = []
    places = asyncio.Semaphore(ASKED_AT_A_TIME)

    async def search(question: corpora.Question) -> tuple[list[str], list[Candidate], list[Candidate]]:
        async with places:
            query = SearchChunks(collection=language, text=question.text, top_k=TOP_K)
            result = await services.queries.ask(query, LOCAL_ADMINISTRATOR, Consistency(seen, 60))
        return [hit.document for hit in result.hits], list(result.probe.dense[0]), list(result.probe.lexical)

    found = await asyncio.gather(*(search(question) for question in questions))
    for question, (reranked, dense, lexical) in zip(questions, found, strict=True):
        names = {entry.chunk_id: entry.document for entry in (*dense, *lexical)}
        fused = [names[identifier] for identifier, _ in rank([dense], lexical)]
        scores["fused"].note(documents_of(fused), question.document)
        scores["rerank"].note(documents_of(reranked), question.document)
        scores["vector"].note(documents_of(entry.document for entry in dense), question.document)
        scores["lexical"].note(documents_of(entry.document for entry in lexical), question.document)
        lists.append({"right": question.document, "dense": _plain(dense), "lexical": _plain(lexical)})
    return scores, lists


async def expanded(services: Services, language: str, questions: Sequence[corpora.Question]) -> tuple[Scores, Scores]:
    """Some questions without and with the further wordings of the configured chain, however late they come."""
    plain, wide = Scores(), Scores()
    for question in questions:
        search = SearchChunks(collection=language, text=question.text, top_k=TOP_K)
        without = await services.queries.ask(search, LOCAL_ADMINISTRATOR)
        wanted = RetrieveContext(search=search, deadline_seconds=10.0)
        with_them = (await services.queries.ask(wanted, LOCAL_ADMINISTRATOR)).result
        plain.note(documents_of(hit.document for hit in without.hits), question.document)
        wide.note(documents_of(hit.document for hit in with_them.hits), question.document)
    return plain, wide


def _plain(entries: Sequence[Candidate]) -> list[tuple[int, str, float]]:
    return [(entry.chunk_id, entry.document, entry.score) for entry in entries]


def settings_of(data: Path, expander: str) -> Settings:
    """A server whose questions are worded differently by feedback or by the alias of a model."""
    model = None if expander == "feedback" else expander
    return Settings(data_dir=data, expansion=ExpansionSettings(model=model, feedback=model is None, timeout=10.0))


async def run(quick: bool, keep: Path | None, every: int, expander: str) -> None:
    """Both languages in one server."""
    folder, machine = data_folder(), Machine()
    figures: dict[str, float] = {}
    baseline: dict[str, float] = {}
    config: dict[str, object] = {"top_k": TOP_K, "expander": expander, "expanded_questions": EXPANDED}
    with tempfile.TemporaryDirectory(prefix="ryorin-quality-") as temporary:
        data = keep or Path(temporary)
        data.mkdir(exist_ok=True)
        data.chmod(0o755)
        async with open_app(settings_of(data, expander), frozenset({Role.WORKER, Role.PROJECTIONS})) as app:
            for language in ("ja", "en"):
                questions = corpora.questions(folder, language)
                pages = list(corpora.pages(folder, language).items())[::every]
                documents = corpora.passages(folder, language) | dict(pages)
                if quick:
                    questions = questions[:: len(questions) // 20]
                    documents = {question.document: documents[question.document] for question in questions}
                seen = await ingest(app.services, data / "corpus" / language, language, documents)
                scores, lists = await ask(app.services, language, questions, seen)
                plain = PlainBm25(documents, TOKENISERS[language])
                for question in questions:
                    scores["bm25"].note(plain.search(question.text, DEPTH), question.document)
                for side in SIDES:
                    target = baseline if side == "bm25" else figures
                    target |= {f"{language}_{side}_{name}": value for name, value in scores[side].figures().items()}
                for after, before in STEPS:
                    steps = interval(scores[after], scores[before])
                    figures |= {f"{language}_{after}_over_{before}_{name}": value for name, value in steps.items()}
                asked = questions[:: max(1, len(questions) // EXPANDED)]
                without, wide = await expanded(app.services, language, asked)
                figures[f"{language}_expanded_ndcg"] = wide.figures()["ndcg"]
                steps = interval(wide, without)
                figures |= {f"{language}_expanded_over_rerank_{name}": value for name, value in steps.items()}
                config |= {f"{language}_documents": len(documents), f"{language}_questions": len(questions)}
                say(f"{language}: " + ", ".join(f"{side} {scores[side].figures()}" for side in SIDES))
                if keep is not None:
                    (keep / f"candidates_{language}.json").write_text(json.dumps(lists))
    report("quality", figures, baseline, machine, config)


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few questions, for correctness only")
    parser.add_argument("--all-pages", action="store_true", help="all documentation pages, not every third one")
    parser.add_argument("--expander", default="feedback", help="feedback, or a model's alias such as smollm2")
    parser.add_argument("--keep", type=Path, help="data folder to keep for the next run, with the candidate lists")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.quick, arguments.keep, 1 if arguments.all_pages else EVERY, arguments.expander))


if __name__ == "__main__":
    main()
