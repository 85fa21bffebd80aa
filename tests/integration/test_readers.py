"""Documents that not everyone may read, on the real stack: none of them, and no answer from one, reaches others."""

from __future__ import annotations

import pytest

from ryorin.bootstrap.app import App
from ryorin.contexts.answers.errors import AnswerNotFound
from ryorin.contexts.answers.provenance import GetProvenance, ListAnswersUsing
from ryorin.contexts.answers.queries import Answer, AnswerQuestion, CacheOptions, ChatMessage, GroundingOptions
from ryorin.contexts.knowledge.commands import DeleteDocument, ShareDocument
from ryorin.contexts.knowledge.errors import DocumentNotFound
from ryorin.contexts.knowledge.queries import (
    DOCUMENTS_MODEL,
    FindSimilarDocuments,
    GetCollection,
    GetDocument,
    GetDocumentText,
    ListDocuments,
    ListTags,
    ListVersions,
    SearchChunks,
)
from ryorin.kernel.consistency import EVENTUAL, Consistency
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Actor, Scope
from tests.steps import ADMIN, put, seen

READING = frozenset({Scope.KNOWLEDGE_READ, Scope.ANSWERS_READ})
ALICE = Actor(ADMIN.org_id, "key:a", READING, ("*", "group:board", "user:alice"))
BOB = Actor(ADMIN.org_id, "key:b", READING, ("*", "user:bob"))
CAROL = Actor(ADMIN.org_id, "key:c", READING)
SALARIES = "# Salaries\n\nThe director earns twelve million yen.\n"
CANTEEN = "# Canteen\n\nThe canteen opens at noon.\n"
QUESTION = "What does the director earn?"


async def share(app: App, document: str, *readers: str) -> Consistency:
    command = ShareDocument(collection="docs", document=document, readers=readers)
    record = (await app.services.commands.send(command, ADMIN)).record
    assert record.position is not None
    # as the route does before it answers
    await app.services.positions.wait_for((*AnswerQuestion.read_models, DOCUMENTS_MODEL), record.position, 20)
    return Consistency(record.position, 20)


async def asked(app: App, actor: Actor, demand: Consistency = EVENTUAL, **cache: object) -> Answer:
    query = AnswerQuestion(
        messages=(ChatMessage("user", QUESTION),),
        model="extractive",
        grounding=GroundingOptions("docs"),
        cache=CacheOptions(**cache),  # type: ignore[arg-type]  # options by name
    )
    return await app.services.queries.ask(query, actor, demand)


@pytest.mark.parametrize("mode", ["strict", "bounded", "ttl"])
async def test_an_answer_from_before_a_document_was_made_private_is_refused_to_those_who_lost_access(
    app: App, mode: str
) -> None:
    await put(app, "canteen.md", CANTEEN)
    rules = {"freshness": mode, "stale_while_revalidate_seconds": 600.0}
    before = await asked(app, BOB, seen(await put(app, "salaries.md", SALARIES)))
    shared = [(await asked(app, actor, **rules)).cache for actor in (BOB, ALICE, ADMIN)]

    await share(app, "salaries.md", "group:board")
    # without a token: the collection is strict from here on
    bob, alice, admin = [await asked(app, actor, **rules) for actor in (BOB, ALICE, ADMIN)]
    again = [(await asked(app, actor, **rules)).cache for actor in (BOB, CAROL, ALICE, ADMIN)]

    assert "twelve million" in before.text and shared == ["l1"] * 3
    assert "twelve" not in bob.text
    assert "twelve million" in alice.text and "twelve million" in admin.text
    assert again == ["l1"] * 4


async def test_nothing_tells_others_of_a_private_document(app: App) -> None:
    await put(app, "canteen.md", CANTEEN, tags=("open",))
    last = await put(app, "salaries.md", SALARIES, tags=("secret",), readers=("user:alice",))
    demand, ask = seen(last), app.services.queries.ask

    search = SearchChunks(collection="docs", text=QUESTION)
    found = [{hit.document for hit in (await ask(search, actor, demand)).hits} for actor in (ALICE, BOB, ADMIN)]
    listed = [
        [one.document for one in (await ask(ListDocuments(collection="docs"), actor, demand)).documents]
        for actor in (ALICE, BOB)
    ]
    tags = [one.tag for one in await ask(ListTags(collection="docs"), BOB, demand)]
    similar = await ask(FindSimilarDocuments(collection="docs", document="canteen.md"), BOB, demand)
    counted = [(await ask(GetCollection(collection="docs"), actor, demand)).documents for actor in (ALICE, BOB)]

    assert found == [{"canteen.md", "salaries.md"}, {"canteen.md"}, {"canteen.md", "salaries.md"}]
    assert listed == [["canteen.md", "salaries.md"], ["canteen.md"]]
    assert (tags, similar, counted) == (["open"], (), [2, 1])
    for question in (
        GetDocument(collection="docs", document="salaries.md"),
        GetDocumentText(collection="docs", document="salaries.md"),
        ListVersions(collection="docs", document="salaries.md"),
        FindSimilarDocuments(collection="docs", document="salaries.md"),
    ):
        await ask(question, ALICE, demand)
        with pytest.raises(DocumentNotFound):
            await ask(question, BOB, demand)


async def test_who_may_read_a_document_from_now_on_is_answered_from_it(app: App) -> None:
    last = await put(app, "salaries.md", SALARIES, readers=("group:board",))
    await put(app, "canteen.md", CANTEEN)
    none = await asked(app, BOB, seen(last))

    granted = await asked(app, BOB, await share(app, "salaries.md", "group:board", "user:bob"))
    # without a token: a strict hit knows of the change
    await share(app, "salaries.md", "group:board")
    taken = await asked(app, BOB)

    assert "twelve" not in none.text
    assert "twelve million" in granted.text
    assert "twelve" not in taken.text


async def test_a_new_version_stays_private_also_after_the_document_was_deleted(app: App) -> None:
    await put(app, "canteen.md", CANTEEN)
    await put(app, "salaries.md", SALARIES, readers=("group:board",))
    changed = await put(app, "salaries.md", SALARIES.replace("twelve", "thirteen"))
    first = await asked(app, BOB, seen(changed))
    await app.services.commands.send(DeleteDocument(collection="docs", document="salaries.md"), ADMIN)
    second = await asked(app, BOB, seen(await put(app, "salaries.md", SALARIES)))

    assert "million" not in first.text + second.text
    view = await app.services.queries.ask(GetDocument(collection="docs", document="salaries.md"), ALICE)
    assert view.readers == ("group:board",)


async def test_provenance_is_for_those_who_may_read_what_an_answer_was_made_from(app: App) -> None:
    await put(app, "canteen.md", CANTEEN)
    open_answer = await asked(app, BOB, seen(await put(app, "salaries.md", SALARIES)))
    private = await share(app, "salaries.md", "user:alice")
    hers = await asked(app, ALICE, private)
    using = ListAnswersUsing(collection="docs", document="salaries.md")

    for answer in (open_answer, hers):
        assert (await app.services.queries.ask(GetProvenance(id=answer.id), ADMIN, private)).id == answer.id
        await app.services.queries.ask(GetProvenance(id=answer.id), ALICE, private)
        with pytest.raises(AnswerNotFound):
            await app.services.queries.ask(GetProvenance(id=answer.id), BOB, private)
    assert len(await app.services.queries.ask(using, ALICE, private)) == 2
    assert await app.services.queries.ask(using, BOB, private) == ()


@pytest.mark.parametrize("reader", ["alice", "user:", "group: ", "role:admin", "user:\n", "user:" + "a" * 300])
async def test_readers_that_name_nobody_are_refused(app: App, reader: str) -> None:
    await put(app, "salaries.md", SALARIES)
    with pytest.raises(InvalidInput, match="reader"):
        await share(app, "salaries.md", reader)
