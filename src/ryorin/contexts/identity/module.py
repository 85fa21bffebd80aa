"""Builds identity: which handler answers which message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ryorin.contexts.identity import commands, queries
from ryorin.contexts.identity.queries import ApiKeyView, OrganisationView
from ryorin.contexts.identity.read.authentication import (
    LOCAL_ADMINISTRATOR,
    Authenticator,
    check_exposure,
    is_loopback,
)
from ryorin.contexts.identity.read.ports import KeyDirectory
from ryorin.contexts.identity.read.projections import KeysProjection
from ryorin.contexts.identity.write.handlers import (
    CreateApiKeyHandler,
    CreateOrganisationHandler,
    CreateUserHandler,
    RevokeApiKeyHandler,
)
from ryorin.kernel.handlers import CommandHandler
from ryorin.kernel.messages import Actor, Command, Query

__all__ = [
    "LOCAL_ADMINISTRATOR",
    "Authenticator",
    "KeysProjection",
    "check_exposure",
    "command_handlers",
    "is_loopback",
    "query_handlers",
]


def command_handlers() -> Mapping[type[Command], CommandHandler[Any, Any]]:
    """The write side's dispatch table."""
    return {
        commands.CreateOrganisation: CreateOrganisationHandler(),
        commands.CreateUser: CreateUserHandler(),
        commands.CreateApiKey: CreateApiKeyHandler(),
        commands.RevokeApiKey: RevokeApiKeyHandler(),
    }


def query_handlers(directory: KeyDirectory) -> Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]:
    """The read side's dispatch table."""

    async def list_keys(query: queries.ListApiKeys, actor: Actor) -> tuple[ApiKeyView, ...]:
        return tuple(await directory.list(actor.org_id))

    async def organisation(query: queries.GetOrganisation, actor: Actor) -> OrganisationView:
        return await directory.organisation(actor.org_id)

    return {queries.ListApiKeys: list_keys, queries.GetOrganisation: organisation}
