"""What can be asked, changed and followed by GraphQL."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any, cast
from uuid import UUID

import strawberry
from graphql import GraphQLError
from strawberry.extensions import MaskErrors, MaxAliasesLimiter, MaxTokensLimiter
from strawberry.scalars import JSON
from strawberry.types import ExecutionContext

from ryorin.contexts.answers.accounting import CacheReport, GetCacheReport
from ryorin.contexts.answers.provenance import ListAnswersUsing
from ryorin.contexts.answers.queries import Answer as Answered
from ryorin.contexts.answers.queries import AnswerQuestion, ChatMessage, GroundingOptions, PromptUse
from ryorin.contexts.evaluation.queries import (
    CompareEvaluations,
    GetEvaluation,
    ListDatasets,
    ListEvaluations,
    ListResults,
)
from ryorin.contexts.gateway.queries import GetSpend, SpendReport
from ryorin.contexts.knowledge.queries import GetDocument, ListDocuments
from ryorin.contexts.operations.queries import CommandView, GetCommand
from ryorin.contexts.prompts.commands import CreatePromptVersion, MovePromptLabel
from ryorin.contexts.prompts.queries import PROMPTS_MODEL, ListPrompts
from ryorin.contexts.prompts.versions import PromptMessage as Message
from ryorin.contexts.prompts.versions import PromptRole
from ryorin.entrypoints.graphql.changes import invalid, one_of, written
from ryorin.entrypoints.graphql.context import Asked
from ryorin.entrypoints.graphql.limits import DEFAULT_FIRST, MAX_ALIASES, MAX_TOKENS, CostLimit
from ryorin.entrypoints.graphql.pages import Connection, checked_first, connection, decoded, paged
from ryorin.entrypoints.graphql.quality import QualityMutation, QualityQuery
from ryorin.entrypoints.graphql.types import (
    Answer,
    AnswerUse,
    Dataset,
    Document,
    Evaluation,
    Prompt,
)
from ryorin.entrypoints.graphql.views import Command, Written
from ryorin.kernel.codec import to_json
from ryorin.kernel.errors import RyorinError

logger = logging.getLogger(__name__)

# between looks at a command's progress; the log is asked, not the worker
LOOK_SECONDS = 0.25


@strawberry.type
class Usage:
    """What was spent on models in the last days, and what the cache saved."""

    days: int
    spent_usd: float
    saved_usd: float
    saved_tokens: int
    uses: JSON


@strawberry.type
class Query(QualityQuery):
    """Questions."""

    @strawberry.field
    async def prompts(
        self,
        info: Asked,
        folder: str | None = None,
        tag: str | None = None,
        label: str | None = None,
        first: int = DEFAULT_FIRST,
        after: str | None = None,
    ) -> Connection[Prompt]:
        """Prompts by name."""
        found = await info.context.ask(ListPrompts(folder=folder, tag=tag, label=label))
        return paged(found, lambda one: one.name, Prompt.of, first, after)

    @strawberry.field
    async def prompt(self, info: Asked, name: str) -> Prompt | None:
        """A prompt; null: there is none of that name."""
        found = await info.context.ask(ListPrompts())
        return next((Prompt.of(one) for one in found if one.name == name), None)

    @strawberry.field
    async def datasets(self, info: Asked, first: int = DEFAULT_FIRST, after: str | None = None) -> Connection[Dataset]:
        """Datasets by name, each by its newest version."""
        return paged(await info.context.ask(ListDatasets()), lambda one: one.name, Dataset.of, first, after)

    @strawberry.field
    async def evaluations(
        self,
        info: Asked,
        dataset: str | None = None,
        prompt: str | None = None,
        first: int = DEFAULT_FIRST,
        after: str | None = None,
    ) -> Connection[Evaluation]:
        """Evaluations that have ended, newest first."""
        found = await info.context.ask(ListEvaluations(dataset=dataset, prompt=prompt))
        return paged(found, lambda one: one.name, Evaluation.of, first, after)

    @strawberry.field
    async def evaluation(self, info: Asked, name: str) -> Evaluation:
        """How an evaluation ended."""
        return Evaluation.of(await info.context.ask(GetEvaluation(evaluation=name)))

    @strawberry.field
    async def results(self, info: Asked, evaluation: str, first: int = DEFAULT_FIRST, offset: int = 0) -> JSON:
        """What came of each item, also while it runs: `results` and `next_offset`."""
        query = ListResults(evaluation=evaluation, offset=offset, limit=checked_first(first))
        return cast(JSON, to_json(await info.context.ask(query)))

    @strawberry.field
    async def comparison(self, info: Asked, first: str, second: str) -> JSON:
        """Is the second evaluation better than the first? By each metric."""
        return cast(JSON, to_json(await info.context.ask(CompareEvaluations(first=first, second=second))))

    @strawberry.field
    async def documents(
        self, info: Asked, collection: str, first: int = DEFAULT_FIRST, after: str | None = None
    ) -> Connection[Document]:
        """Documents of a collection by id."""
        query = ListDocuments(collection=collection, after=decoded(after), limit=checked_first(first))
        page = await info.context.ask(query)
        made = [(one.document, Document.of(one)) for one in page.documents]
        return connection(made, page.next_after is not None, None)

    @strawberry.field
    async def document(self, info: Asked, collection: str, id: strawberry.ID) -> Document:
        """A document."""
        return Document.of(await info.context.ask(GetDocument(collection=collection, document=str(id))))

    @strawberry.field
    async def answers_using(
        self, info: Asked, collection: str, document: str, first: int = DEFAULT_FIRST
    ) -> list[AnswerUse]:
        """Cached answers that a document went into, newest first."""
        query = ListAnswersUsing(collection=collection, document=document, limit=checked_first(first))
        return [
            AnswerUse(id=strawberry.ID(one.id), document=one.document, version=one.version, model=one.model)
            for one in await info.context.ask(query)
        ]

    @strawberry.field
    async def usage(self, info: Asked, days: int = 30) -> Usage:
        """What was spent and saved."""
        spend: SpendReport = await info.context.ask(GetSpend(days=days))
        cache: CacheReport = await info.context.ask(GetCacheReport(days=days))
        return Usage(
            days=days,
            spent_usd=spend.usd,
            saved_usd=cache.saved_usd,
            saved_tokens=cache.saved_tokens,
            uses=cast(JSON, to_json(spend.uses)),
        )

    @strawberry.field
    async def command(self, info: Asked, id: UUID) -> Command:
        """How a command is."""
        return Command.of(await info.context.ask(GetCommand(id=id)))


@strawberry.input
class MessageInput:
    """A turn of a prompt."""

    content: str
    role: str = "system"


@strawberry.type
class Mutation(QualityMutation):
    """Changes, each a command, and questions that cost money."""

    @strawberry.mutation
    async def create_prompt_version(
        self,
        info: Asked,
        prompt: str,
        messages: list[MessageInput],
        note: str = "",
        labels: list[str] | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """Make a new version; what equals the latest one makes none."""
        turns = tuple(Message(cast(PromptRole, one_of(PromptRole, one.role, "role")), one.content) for one in messages)
        command = CreatePromptVersion(prompt=prompt, messages=turns, note=note, labels=tuple(labels or ()))
        return written(await info.context.send(command, (PROMPTS_MODEL,), idempotency_key))

    @strawberry.mutation
    async def move_prompt_label(
        self,
        info: Asked,
        prompt: str,
        label: str,
        version: int,
        protected: bool = False,
        idempotency_key: str | None = None,
    ) -> Written:
        """Have a label name a version; back to an earlier one is the rollback."""
        command = MovePromptLabel(prompt=prompt, label=label, version=version, protected=protected)
        return written(await info.context.send(command, (PROMPTS_MODEL,), idempotency_key))

    @strawberry.mutation
    async def ask(
        self,
        info: Asked,
        question: str,
        model: str | None = None,
        collection: str | None = None,
        prompt: str | None = None,
        label: str | None = None,
        variables: JSON | None = None,
    ) -> Answer:
        """Ask a model, with a stored prompt and from a collection's documents if they are named."""
        if variables is not None and not isinstance(variables, dict):
            raise invalid("variables must be an object")
        query = AnswerQuestion(
            messages=(ChatMessage("user", question),) if question.strip() else (),
            model=model or ("" if prompt else info.context.services.default_model),
            grounding=GroundingOptions(collection) if collection else None,
            prompt=PromptUse(prompt, label, variables=cast(dict[str, object], variables or {})) if prompt else None,
        )
        found: Answered = await info.context.ask(query)
        return Answer(
            id=strawberry.ID(found.id),
            text=found.text,
            model=found.model,
            cache=found.cache,
            position=found.position,
            usd=found.usd if found.cache in ("miss", "bypass") else 0.0,
            prompt_tokens=found.usage.prompt_tokens,
            completion_tokens=found.usage.completion_tokens,
            citations=cast(JSON, to_json(found.citations)),
        )


@strawberry.type
class Subscription:
    """What is followed."""

    @strawberry.subscription
    async def command_progress(self, info: Asked, id: UUID) -> AsyncGenerator[Command, None]:
        """A command each time that it is further, until it ends. Ends early when the credential does."""
        told: CommandView | None = None
        while told is None or not told.ended:
            await info.context.actor(again=True)
            view: CommandView = await info.context.ask(GetCommand(id=id))
            if view != told:
                yield Command.of(view)
            told = view
            if not view.ended:
                await asyncio.sleep(LOOK_SECONDS)


class Schema(strawberry.Schema):
    """Logs what went wrong here, and not what was asked wrongly."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Called for each operation with errors."""
        for error in errors:
            if _unexpected(error):
                logger.error("a GraphQL operation failed", exc_info=error.original_error)


def _unexpected(error: GraphQLError) -> bool:
    cause = error.original_error
    return cause is not None and not isinstance(cause, GraphQLError | RyorinError)


def build_schema() -> Schema:
    """The schema with its limits."""
    extensions: list[Any] = [
        lambda: MaxTokensLimiter(max_token_count=MAX_TOKENS),
        lambda: MaxAliasesLimiter(max_alias_count=MAX_ALIASES),
        CostLimit,
        lambda: MaskErrors(_unexpected, "something went wrong here; it is in the server's log"),
    ]
    return Schema(Query, Mutation, Subscription, extensions=extensions)
