"""What resolvers have: the buses on behalf of whoever asks, and loaders that ask once for many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, cast

from graphql import GraphQLError
from strawberry.dataloader import DataLoader
from strawberry.fastapi import BaseContext
from strawberry.types import Info

from ryorin.contexts.evaluation.queries import EvaluationView, ListEvaluations
from ryorin.contexts.prompts.queries import ListVersionsOf
from ryorin.contexts.prompts.versions import VersionView
from ryorin.contexts.traffic.queries import GetPromptUsage, ListObjectives, ObjectiveView, PromptUse
from ryorin.entrypoints.problems import status_of
from ryorin.entrypoints.services import Services
from ryorin.kernel.bus import Receipt
from ryorin.kernel.consistency import Consistency
from ryorin.kernel.errors import RyorinError, Unauthenticated
from ryorin.kernel.messages import Actor, Command, Query

SETTLE_SECONDS = 10.0


class Context(BaseContext):
    """One request, whose `actor` is known, or one WebSocket, on which each operation asks anew who is there.

    Loaders ask together and remember nothing: a WebSocket is open for longer than what they found is true.
    """

    def __init__(
        self, services: Services, credential: str | None, demand: Consistency, actor: Actor | None = None
    ) -> None:
        super().__init__()
        self.services = services
        self.demand = demand
        self._credential = credential
        self._of_request = actor
        self._actor = actor
        self.versions: DataLoader[str, Sequence[VersionView]] = DataLoader(self._versions, cache=False)
        self.evaluations: DataLoader[str, Sequence[EvaluationView]] = DataLoader(self._evaluations, cache=False)
        self.prompt_usage: DataLoader[tuple[str, int], Sequence[PromptUse]] = DataLoader(self._usage, cache=False)
        self.objectives: DataLoader[str, Sequence[ObjectiveView]] = DataLoader(self._objectives, cache=False)

    def begin(self) -> None:
        """Another operation begins."""
        self._actor = self._of_request

    async def actor(self, again: bool = False) -> Actor:
        """Who asks; raises GraphQLError with the code `unauthenticated`. `again`: as of now."""
        if self._actor is None or again:
            said = (self.connection_params or {}).get("authorization") if self._credential is None else None
            credential = self._credential
            if isinstance(said, str):
                scheme, _, given = said.partition(" ")
                credential = given.strip() if scheme.lower() == "bearer" else None
            try:
                self._actor = await self.services.authenticate(credential or None)
            except Unauthenticated as error:
                raise told(error) from error
        return self._actor

    async def ask(self, query: Query[Any]) -> Any:
        """Answer a query; raises GraphQLError with the code of what it was refused with."""
        actor = await self.actor()
        try:
            return await self.services.queries.ask(query, actor, self.demand)
        except RyorinError as error:
            raise told(error) from error

    async def send(self, command: Command, read_models: Sequence[str], key: str | None) -> Receipt:
        """Carry out or accept a command; raises GraphQLError. Returns when the read models have it, too."""
        actor = await self.actor()
        try:
            receipt = await self.services.commands.send(command, actor, idempotency_key=key)
            if receipt.record.position is not None:
                await self.services.positions.wait_for(read_models, receipt.record.position, SETTLE_SECONDS)
        except RyorinError as error:
            raise told(error) from error
        return receipt

    async def _versions(self, prompts: list[str]) -> list[Sequence[VersionView]]:
        found = await self.ask(ListVersionsOf(prompts=tuple(prompts)))
        return [found.get(prompt, ()) for prompt in prompts]

    async def _evaluations(self, prompts: list[str]) -> list[Sequence[EvaluationView]]:
        by_prompt: dict[str | None, list[EvaluationView]] = defaultdict(list)
        for view in cast(Sequence[EvaluationView], await self.ask(ListEvaluations())):
            by_prompt[view.spec.target.prompt].append(view)
        return [by_prompt[prompt] for prompt in prompts]

    async def _usage(self, keys: list[tuple[str, int]]) -> list[Sequence[PromptUse]]:
        found: dict[tuple[str, int], list[PromptUse]] = defaultdict(list)
        for days in {days for _, days in keys}:
            for use in cast(Sequence[PromptUse], await self.ask(GetPromptUsage(days=days))):
                found[use.prompt, days].append(use)
        return [found[key] for key in keys]

    async def _objectives(self, prompts: list[str]) -> list[Sequence[ObjectiveView]]:
        by_prompt: dict[str, list[ObjectiveView]] = defaultdict(list)
        for view in cast(Sequence[ObjectiveView], await self.ask(ListObjectives())):
            by_prompt[view.spec.prompt].append(view)
        return [by_prompt[prompt] for prompt in prompts]


Asked = Info[Context, None]


def told(error: RyorinError) -> GraphQLError:
    """An error as GraphQL tells it: `extensions` have the code, and the status that REST would have."""
    return GraphQLError(error.detail, extensions={"code": error.code, "status": status_of(error)})
