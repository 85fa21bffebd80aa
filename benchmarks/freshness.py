"""Is a cached answer ever stale, and what do other ways of keeping answers fresh give for the same operations?

10,000 operations on real passages in Japanese and English: four of five are questions (Zipf-distributed, some about
documents that are not there yet, by people of two groups), the others add, edit, delete and tag documents, change
who may read them, and move the label of a stored prompt, by which every second question is asked. After every question
the same is answered anew without any cache, at the position of the last write: that is the truth, and the version that
the label named then is part of it. Beside the strict cache, on the same truths: caches that keep answers for 60 s and
for 3,600 s, one that drops an answer when a document of its context changes but knows nothing of new ones, and an
oracle that drops exactly what would be answered otherwise now. Their clock goes one second with each operation.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import corpora
from benchmarks.measure import Machine, data_folder, percentile, report, say
from ryorin.bootstrap.app import App, open_app
from ryorin.bootstrap.settings import Settings
from ryorin.contexts.answers.module import ExtractiveAnswerer
from ryorin.contexts.answers.queries import (
    FRESHNESS_MODEL,
    Answer,
    AnswerQuestion,
    ChatMessage,
    GroundingOptions,
    PromptUse,
)
from ryorin.contexts.identity.module import LOCAL_ADMINISTRATOR
from ryorin.contexts.knowledge.commands import DeleteDocument, PutDocument, ShareDocument, TagDocument
from ryorin.contexts.knowledge.module import analyse, split_sentences
from ryorin.contexts.knowledge.queries import SEARCH_MODEL
from ryorin.contexts.operations.queries import GetCommand
from ryorin.contexts.prompts.commands import CreatePromptVersion, MovePromptLabel
from ryorin.contexts.prompts.versions import PromptMessage
from ryorin.kernel.consistency import Consistency, ensure
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import EVERYONE, Actor, Command, Scope, may_read
from ryorin.processes.make_answer import EXTRACTIVE, AnswerMaker

OPERATIONS = 10_000
WRITE_SHARE = 0.2
# per language: passages there at first, and held back to be added later
PRESENT, LATER = 600, 300
QUESTIONS = 600
ZIPF = 1.0
SECONDS_PER_OPERATION = 1.0
COLLECTION = "corpus"
WRITES = ("add", "edit", "delete", "tag", "share", "label")
# served without making the answer again
HITS = ("l1", "l2", "revalidated")
TAGS = ("public", "draft", "old")
WRITE_WEIGHTS = (30, 38, 15, 5, 10, 2)
PROMPT, LABEL, VERSIONS = "tone", "production", 3
PROMPTED_SHARE = 0.5
# who asks, how often, and whom a document may be for
READING = frozenset({Scope.KNOWLEDGE_READ, Scope.ANSWERS_READ})
ASKERS = {
    name: Actor(LOCAL_ADMINISTRATOR.org_id, name, READING, (EVERYONE, f"group:{name}")) for name in ("shop", "office")
}
ASKER_WEIGHTS = (80, 20)
READERS = ((EVERYONE,), (EVERYONE,), ("group:shop",), ("group:office",), ("group:office", "group:shop"))

Signature = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """What a question is answered with now, and the documents of its context."""

    answer: Signature
    context: Signature
    documents: frozenset[str]
    # documents that the asker may not read
    hidden: frozenset[str]


@dataclass(slots=True)
class Tally:
    """What became of the questions put to one cache."""

    asked: int = 0
    hits: int = 0
    stale: int = 0
    # shown to someone who may not read it any more
    leaked: int = 0

    def note(self, hit: bool, right: bool, leaked: bool = False) -> None:
        self.asked += 1
        self.hits += hit
        self.stale += hit and not right
        self.leaked += hit and leaked

    def figures(self, name: str) -> dict[str, float]:
        """Hit rate, and which share of the hits was stale."""
        return {
            f"{name}_hit_rate": round(self.hits / max(1, self.asked), 4),
            f"{name}_stale_hits": self.stale,
            f"{name}_leaked_hits": self.leaked,
            f"{name}_stale_rate": round(self.stale / max(1, self.hits), 4),
        }


@dataclass(slots=True)
class TtlCache:
    """Keeps an answer for so many seconds, whatever happens."""

    seconds: float
    tally: Tally = field(default_factory=Tally)
    kept: dict[str, tuple[float, Truth]] = field(default_factory=dict)

    def ask(self, question: str, now: float, truth: Truth) -> None:
        at, answer = self.kept.get(question, (-self.seconds, truth))
        hit = now - at < self.seconds
        self.tally.note(hit, answer.answer == truth.answer, bool(answer.documents & truth.hidden))
        if not hit:
            self.kept[question] = now, truth

    def changed(self, document: str) -> None:
        """It does not look."""


@dataclass(slots=True)
class ReferenceCache:
    """Drops an answer when a document of its context changes; new documents mean nothing to it."""

    tally: Tally = field(default_factory=Tally)
    kept: dict[str, Truth] = field(default_factory=dict)

    def ask(self, question: str, now: float, truth: Truth) -> None:
        answer = self.kept.setdefault(question, truth)
        leaked = bool(answer.documents & truth.hidden)
        self.tally.note(answer is not truth, answer.answer == truth.answer, leaked)

    def changed(self, document: str) -> None:
        for question in [question for question, truth in self.kept.items() if document in truth.documents]:
            del self.kept[question]


@dataclass(slots=True)
class Oracle:
    """Drops an answer when, and only when, it would be another one now: by its text, or already by its context."""

    by: str
    tally: Tally = field(default_factory=Tally)
    kept: dict[str, Truth] = field(default_factory=dict)

    def ask(self, question: str, now: float, truth: Truth) -> None:
        answer = self.kept.get(question)
        hit = answer is not None and getattr(answer, self.by) == getattr(truth, self.by)
        self.tally.note(hit, right=True)
        if not hit:
            self.kept[question] = truth

    def changed(self, document: str) -> None:
        """It looks at what is asked."""


class Library:
    """The documents, those there and those to come, and the writes that change them."""

    def __init__(self, app: App, present: dict[str, str], later: dict[str, str], dice: random.Random) -> None:
        self._app = app
        self._dice = dice
        self.present = present
        self._later = list(later.items())
        self.written: Counter[str] = Counter()
        self.readers: dict[str, tuple[str, ...]] = {}
        self.labelled = VERSIONS

    async def prepare(self) -> LogPosition:
        """Make the prompt's versions, the last one labelled."""
        for number in range(1, VERSIONS + 1):
            said = (PromptMessage("system", f"Tone number {number}."),)
            position = await self._done(CreatePromptVersion(prompt=PROMPT, messages=said, labels=(LABEL,)))
        return position

    async def write(self) -> tuple[str, LogPosition]:
        """Change something; the document's name and the write's token."""
        kind = self._dice.choices(WRITES, WRITE_WEIGHTS)[0]
        if kind == "add" and not self._later:
            kind = "edit"
        self.written[kind] += 1
        if kind == "label":
            self.labelled = self._dice.choice([one for one in range(1, VERSIONS + 1) if one != self.labelled])
            return PROMPT, await self._done(MovePromptLabel(prompt=PROMPT, label=LABEL, version=self.labelled))
        if kind == "add":
            name, text = self._later.pop(self._dice.randrange(len(self._later)))
            return name, await self.put(name, text)
        name = self._dice.choice(list(self.present))
        if kind == "edit":
            return name, await self.put(name, self._edited(self.present[name]))
        if kind == "tag":
            add, remove = self._dice.sample(TAGS, 2)
            return name, await self._done(
                TagDocument(collection=COLLECTION, document=name, add=(add,), remove=(remove,))
            )
        if kind == "share":
            self.readers[name] = self._dice.choice(READERS)
            return name, await self._done(
                ShareDocument(collection=COLLECTION, document=name, readers=self.readers[name])
            )
        # what was deleted may be added again
        self._later.append((name, self.present.pop(name)))
        return name, await self._done(DeleteDocument(collection=COLLECTION, document=name))

    def hidden(self, actor: Actor) -> frozenset[str]:
        """Documents that an actor may not read."""
        return frozenset(name for name, readers in self.readers.items() if not may_read(actor.readers, readers))

    def _edited(self, text: str) -> str:
        """A sentence goes, or one of another document comes."""
        sentences = [text[start:end] for start, end in split_sentences(text)]
        other = self.present[self._dice.choice(list(self.present))]
        if len(sentences) > 3 and self._dice.random() < 0.5:
            del sentences[self._dice.randrange(1, len(sentences))]
        else:
            start, end = self._dice.choice(split_sentences(other)[1:] or [(0, len(other))])
            sentences.insert(self._dice.randrange(1, len(sentences) + 1), other[start:end])
        return "".join(sentences)

    async def put(self, name: str, text: str) -> LogPosition:
        """Put a document, and wait until the command is done."""

        async def pieces() -> AsyncIterator[bytes]:
            yield text.encode()

        stored = await self._app.services.upload(LOCAL_ADMINISTRATOR, pieces())
        command = PutDocument(
            collection=COLLECTION,
            document=name,
            content_hash=stored.content_hash,
            size_bytes=stored.size_bytes,
            filename=name,
        )
        position = await self._done(command)
        self.present[name] = text
        return position

    async def _done(self, command: Command) -> LogPosition:
        services = self._app.services
        receipt = await services.commands.send(command, LOCAL_ADMINISTRATOR)
        while True:
            view = await services.queries.ask(
                GetCommand(id=receipt.record.envelope.id, wait_seconds=30), LOCAL_ADMINISTRATOR
            )
            if view.ended:
                if view.state != "succeeded" or view.position is None:
                    raise SystemExit(f"{command.name} ended as {view.state}: {view.error}")
                return LogPosition.parse(str(view.position))


class Asker:
    """Puts a question to the server, and finds the truth behind its back."""

    def __init__(self, app: App) -> None:
        self._app = app
        extractive = ExtractiveAnswerer(split_sentences, analyse)
        self._maker = AnswerMaker(app.gateway.directory, extractive, app.base.positions, app.base.clock, app.base.ids)

    async def ask(self, text: str, actor: Actor, prompted: bool) -> Answer:
        """As a user would: strict, without a token."""
        question = replace(_question(text), prompt=PromptUse(PROMPT, LABEL) if prompted else None)
        return await self._app.services.queries.ask(question, actor)

    async def truth(
        self, text: str, actor: Actor, token: LogPosition | None, hidden: frozenset[str], version: int | None
    ) -> Truth:
        """Answered without any cache, at the token, with a version of the prompt."""
        demand = Consistency(token, 60)
        await ensure(self._app.base.positions, (SEARCH_MODEL, FRESHNESS_MODEL), demand)
        question = _question(text)
        retrieved = await self._maker.retrieve(question, actor, self._app.services.queries)
        made = [part.answer async for part in self._maker.make(question, actor, retrieved)][-1]
        if made is None or retrieved.result is None:
            raise SystemExit("an answer ended before it was complete")
        context = tuple((hit.document, hit.version, hit.ordinal) for hit in retrieved.result.hits)
        documents = frozenset(hit.document for hit in retrieved.result.hits)
        return Truth((*signature(made)[:-1], version), (*context, version), documents, hidden)


def _question(text: str) -> AnswerQuestion:
    return AnswerQuestion(
        messages=(ChatMessage("user", text),), model=EXTRACTIVE, grounding=GroundingOptions(COLLECTION)
    )


def signature(answer: Answer) -> Signature:
    """All that a reader of an answer sees of it."""
    cited = ((one.number, one.document, one.version, one.start_byte, one.end_byte) for one in answer.citations)
    return answer.text, tuple(cited), answer.prompt.version if answer.prompt else None


def choose(data: Path, share: float, dice: random.Random) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Documents there at first, documents that come later, and questions about both."""
    present: dict[str, str] = {}
    later: dict[str, str] = {}
    asked: list[str] = []
    for language in ("ja", "en"):
        documents = corpora.passages(data, language)
        names = dice.sample(sorted(documents), int((PRESENT + LATER) * share))
        first = int(PRESENT * share)
        present |= {name: documents[name] for name in names[:first]}
        later |= {name: documents[name] for name in names[first:]}
        about = [one.text for one in corpora.questions(data, language) if one.document in set(names)]
        asked += dice.sample(about, min(len(about), int(QUESTIONS * share)))
    dice.shuffle(asked)
    return present, later, asked


class Trial:
    """All caches on the same questions, ours among them."""

    def __init__(self) -> None:
        self.ours, self.layers, self.hit_ms = Tally(), Counter[str](), list[float]()
        self.others: dict[str, TtlCache | ReferenceCache | Oracle] = {
            "ttl_60": TtlCache(60),
            "ttl_3600": TtlCache(3600),
            "reference": ReferenceCache(),
            "oracle": Oracle("answer"),
            "context_oracle": Oracle("context"),
        }

    def changed(self, document: str) -> None:
        """A document is another one."""
        for cache in self.others.values():
            cache.changed(document)

    def asked(self, question: str, answer: Answer, milliseconds: float, truth: Truth, now: float) -> None:
        """Note what our cache said and what was right, and ask the others."""
        hit, right = answer.cache in HITS, signature(answer) == truth.answer
        leaked = any(one.document in truth.hidden for one in answer.citations)
        if hit:
            self.hit_ms.append(milliseconds)
        if hit and not right:
            say(f"stale: {question!r} from {answer.cache}: {signature(answer)} instead of {truth.answer}")
        self.layers[answer.cache] += 1
        self.ours.note(hit, right, leaked)
        for cache in self.others.values():
            cache.ask(question, now, truth)

    def figures(self) -> dict[str, float]:
        """Our cache, and what it keeps of the others' hits."""
        kept = {
            f"kept_of_{name}": round(self.ours.hits / max(1, cache.tally.hits), 4)
            for name, cache in self.others.items()
        }
        return {
            "questions": self.ours.asked,
            "hits": self.ours.hits,
            "stale_hits": self.ours.stale,
            "leaked_hits": self.ours.leaked,
            "hit_rate": round(self.ours.hits / max(1, self.ours.asked), 4),
            **kept,
            "hit_p50_ms": percentile(self.hit_ms or [0.0], 50),
            "hit_p99_ms": percentile(self.hit_ms or [0.0], 99),
            **{f"layer_{layer}": count for layer, count in sorted(self.layers.items())},
        }

    def baseline(self) -> dict[str, float]:
        """The others."""
        figures: dict[str, float] = {}
        for name, cache in self.others.items():
            figures |= cache.tally.figures(name)
        return figures


async def fill(library: Library, documents: dict[str, str]) -> LogPosition:
    """Put the documents that are there at first."""
    together = asyncio.Semaphore(16)

    async def put(name: str, text: str) -> LogPosition:
        async with together:
            return await library.put(name, text)

    return max(await asyncio.gather(*(put(*document) for document in documents.items())))


async def run(operations: int, share: float) -> None:
    """All operations, one after another."""
    machine, dice, trial = Machine(), random.Random(20), Trial()
    present, later, asked = choose(data_folder(), share, dice)
    popularity = [1 / (rank + 1) ** ZIPF for rank in range(len(asked))]
    with tempfile.TemporaryDirectory() as folder:
        async with open_app(Settings(data_dir=Path(folder))) as app:
            library, asker = Library(app, {}, later, dice), Asker(app)
            await library.prepare()
            token = await fill(library, present)
            say(f"{len(present)} documents, {len(asked)} questions")
            for number in range(operations):
                if number % 500 == 0:
                    say(f"{number}: {trial.ours.hits} hits of {trial.ours.asked}, {trial.ours.stale} stale")
                if dice.random() < WRITE_SHARE:
                    document, token = await library.write()
                    trial.changed(document)
                    continue
                question = dice.choices(asked, popularity)[0]
                actor = ASKERS[dice.choices(list(ASKERS), ASKER_WEIGHTS)[0]]
                prompted = dice.random() < PROMPTED_SHARE
                started = time.perf_counter()
                answer = await asker.ask(question, actor, prompted)
                milliseconds = (time.perf_counter() - started) * 1000
                version = library.labelled if prompted else None
                truth = await asker.truth(question, actor, token, library.hidden(actor), version)
                # the others cannot know who may share what: each asker has a cache of their own
                place = f"{actor.principal_id}: {prompted}: {question}"
                trial.asked(place, answer, milliseconds, truth, number * SECONDS_PER_OPERATION)
    figures = {"operations": operations, **trial.figures()}
    figures |= {f"written_{kind}": count for kind, count in sorted(library.written.items())}
    config = {
        "documents": len(present),
        "later": len(later),
        "distinct_questions": len(asked),
        "zipf": ZIPF,
        "seconds_per_operation": SECONDS_PER_OPERATION,
    }
    report("freshness", figures, trial.baseline(), machine, config)


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few operations on few documents, for correctness only")
    parser.add_argument("--operations", type=int, default=OPERATIONS)
    given = parser.parse_args()
    asyncio.run(run(120, 0.02) if given.quick else run(given.operations, 1.0))


if __name__ == "__main__":
    main()
