"""How long from a question to its context with four further wordings, made by the bundled model in another process?

Cold: every question is asked for the first time, and its wordings are joined only if they come before the deadline.
Warm: questions are drawn by Zipf's law from those asked before, so that their wordings are kept. Beside it, in the same
run: the question alone, and waiting for the wordings however long they take.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks import corpora
from benchmarks.measure import Machine, data_folder, percentile, report, say
from benchmarks.quality import Scores, documents_of, interval
from benchmarks.server import ServerProcess
from ryorin.bootstrap.app import App, Role, open_app
from ryorin.bootstrap.settings import ExpansionSettings, Settings
from ryorin.contexts.identity.module import LOCAL_ADMINISTRATOR
from ryorin.contexts.knowledge.expansion import ExpandQuery, RetrieveContext, Retrieved
from ryorin.contexts.knowledge.queries import SearchChunks
from ryorin.entrypoints.cli.ingest import FolderIngest, Target
from ryorin.kernel.consistency import Consistency
from ryorin.kernel.events import LogPosition

QUESTIONS = 100
WARM = 600
WAITED = 20
TOP_K = 10
DEADLINE_S = 0.3
LANGUAGES = ("ja", "en")


class Asker:
    """Asks for contexts and takes the time of each."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def ask(self, language: str, text: str, expand: bool, deadline: float) -> tuple[Retrieved, float]:
        """One context, and its milliseconds."""
        search = SearchChunks(collection=language, text=text, top_k=TOP_K)
        wanted = RetrieveContext(search=search, expand=expand, deadline_seconds=deadline)
        started = time.perf_counter()
        found = await self._app.services.queries.ask(wanted, LOCAL_ADMINISTRATOR)
        return found, (time.perf_counter() - started) * 1000

    async def settle(self, language: str, text: str) -> bool:
        """Wait for wordings that come late: whether there are any."""
        wanted = ExpandQuery(text=text, collection=language)
        return bool((await self._app.services.queries.ask(wanted, LOCAL_ADMINISTRATOR)).variants)


async def ingest(app: App, folder: Path, language: str, documents: dict[str, str]) -> Consistency:
    """Ingest documents as a folder; the demand to see all of them."""
    corpora.write(folder, documents)
    runner = FolderIngest(app.services, LOCAL_ADMINISTRATOR, Target(folder, language, ()), Console(stderr=True))
    result = await runner.once()
    assert result.position is not None
    return Consistency(LogPosition.parse(result.position), 60)


async def cold(asker: Asker, questions: Sequence[tuple[str, corpora.Question]]) -> tuple[list[float], int, int]:
    """Every question for the first time: times, how many had wordings in time, how many had them afterwards."""
    times, in_time, kept = [], 0, 0
    for language, question in questions:
        found, milliseconds = await asker.ask(language, question.text, True, DEADLINE_S)
        times.append(milliseconds)
        in_time += bool(found.expansion and found.expansion.variants)
        kept += await asker.settle(language, question.text)
    return times, in_time, kept


async def warm(
    asker: Asker, questions: Sequence[tuple[str, corpora.Question]], count: int
) -> tuple[list[float], list[float], int]:
    """Questions by Zipf's law, each with its kept wordings and alone; how many wordings took part in all."""
    dice = np.random.default_rng(20261121)
    weights = 1 / np.arange(1, len(questions) + 1)
    with_wordings, alone, wordings = [], [], 0
    for number in dice.choice(len(questions), size=count, p=weights / weights.sum()):
        language, question = questions[number]
        found, milliseconds = await asker.ask(language, question.text, True, DEADLINE_S)
        with_wordings.append(milliseconds)
        wordings += len(found.expansion.variants) if found.expansion else 0
        alone.append((await asker.ask(language, question.text, False, DEADLINE_S))[1])
    return with_wordings, alone, wordings


async def quality(asker: Asker, questions: Sequence[tuple[str, corpora.Question]]) -> dict[str, float]:
    """nDCG@10 with the kept wordings and without, question by question."""
    figures: dict[str, float] = {}
    for language in LANGUAGES:
        alone, wide = Scores(), Scores()
        for _, question in [entry for entry in questions if entry[0] == language]:
            for scores, expand in ((alone, False), (wide, True)):
                found, _ = await asker.ask(language, question.text, expand, 0.0)
                scores.note(documents_of(hit.document for hit in found.result.hits), question.document)
        figures[f"{language}_alone_ndcg"] = alone.figures()["ndcg"]
        figures[f"{language}_expanded_ndcg"] = wide.figures()["ndcg"]
        steps = interval(wide, alone)
        figures |= {f"{language}_expanded_over_alone_{name}": value for name, value in steps.items()}
    return figures


async def run(quick: bool, every: int) -> None:
    """A server that expands, and a Ryorin that asks it."""
    folder, machine = data_folder(), Machine()
    count = 3 if quick else QUESTIONS
    with (
        tempfile.TemporaryDirectory(prefix="ryorin-total-") as temporary,
        ServerProcess(RYORIN_EXPANSION__MODEL="smollm2", RYORIN_EXPANSION__TIMEOUT="20") as expander,
    ):
        data = Path(temporary)
        data.chmod(0o755)
        expansion = ExpansionSettings(url=expander.base_url, feedback=False, timeout=20.0)
        settings = Settings(data_dir=data, expansion=expansion)
        async with open_app(settings, frozenset({Role.WORKER, Role.PROJECTIONS})) as app:
            asker, questions = Asker(app), []
            for language in LANGUAGES:
                chosen = corpora.questions(folder, language)
                chosen = chosen[:: len(chosen) // (count // 2)][: count // 2]
                passages = corpora.passages(folder, language)
                documents = dict(list(passages.items())[::every] if not quick else [])
                documents |= {question.document: passages[question.document] for question in chosen}
                seen = await ingest(app, data / "corpus" / language, language, documents)
                search = SearchChunks(collection=language, text="warm up")
                await app.services.queries.ask(search, LOCAL_ADMINISTRATOR, seen)
                questions += [(language, question) for question in chosen]
                say(f"{language}: {len(documents)} documents, {len(chosen)} questions")
            # languages take turns, and popular questions are of both
            questions = [pair for both in zip(*_halves(questions), strict=True) for pair in both]
            cold_times, in_time, kept = await cold(asker, questions)
            say(f"cold: {percentile(cold_times, 50)} ms; {in_time} in time, {kept} of {len(questions)} kept")
            warm_times, alone_times, wordings = await warm(asker, questions, 6 if quick else WARM)
            say(f"warm: {percentile(warm_times, 50)} ms, alone {percentile(alone_times, 50)} ms")
            found = await quality(asker, questions)
            waited = await waited_for(asker, folder, 1 if quick else WAITED)
    figures = {
        "cold_p50_ms": percentile(cold_times, 50),
        "cold_p99_ms": percentile(cold_times, 99),
        "warm_p50_ms": percentile(warm_times, 50),
        "warm_p99_ms": percentile(warm_times, 99),
        "in_time_share": round(in_time / len(questions), 3),
        "kept_share": round(kept / len(questions), 3),
        "warm_wordings": round(wordings / len(warm_times), 2),
        **found,
    }
    baseline = {
        "alone_p50_ms": percentile(alone_times, 50),
        "alone_p99_ms": percentile(alone_times, 99),
        **({"waited_p50_ms": percentile(waited, 50)} if waited else {}),
    }
    config = {
        "every": every,
        "questions": len(questions),
        "deadline_s": DEADLINE_S,
        "top_k": TOP_K,
        "expander": "smollm2, by HTTP",
    }
    report("retrieval_total", figures, baseline, machine, config)


def _halves(
    questions: Sequence[tuple[str, corpora.Question]],
) -> tuple[Sequence[tuple[str, corpora.Question]], Sequence[tuple[str, corpora.Question]]]:
    counted = Counter(language for language, _ in questions)
    return questions[: counted[LANGUAGES[0]]], questions[counted[LANGUAGES[0]] :]


async def waited_for(asker: Asker, folder: Path, count: int) -> list[float]:
    """Questions that nobody asked yet, each with all the time its wordings need: what not waiting saves.

    Those that got no wordings are left out: with its breaker open an expander costs nothing.
    """
    times = []
    for number in range(1, count + 1):
        for language in LANGUAGES:
            found, milliseconds = await asker.ask(language, corpora.questions(folder, language)[-number].text, True, 10)
            if found.expansion and found.expansion.variants:
                times.append(milliseconds)
    return times


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few questions, for correctness only")
    parser.add_argument("--every", type=int, default=1, help="take every so many-th passage, for a shorter run")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.quick, arguments.every))


if __name__ == "__main__":
    main()
