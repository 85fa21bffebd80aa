"""Builds identity: which handler answers which message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ryorin.contexts.identity import commands, queries
from ryorin.contexts.identity.queries import ApiKeyView, GrantView, OrganisationView, SelfView
from ryorin.contexts.identity.read.authentication import (
    LOCAL_ADMINISTRATOR,
    Authenticator,
    check_exposure,
    is_loopback,
)
from ryorin.contexts.identity.read.limited import LimitedAuthenticator, RateLimiter, Visitors
from ryorin.contexts.identity.read.ports import KeyDirectory, TokenVerifier, VerifiedToken
from ryorin.contexts.identity.read.projections import KeysProjection
from ryorin.contexts.identity.write.handlers import (
    CreateApiKeyHandler,
    CreateOrganisationHandler,
    CreateUserHandler,
    GrantRoleHandler,
    RemoveUserHandler,
    RevokeApiKeyHandler,
    RevokeRoleHandler,
    RotateApiKeyHandler,
)
from ryorin.kernel.handlers import CommandHandler
from ryorin.kernel.messages import Actor, Command, Query
from ryorin.kernel.ports import Clock

__all__ = [
    "LOCAL_ADMINISTRATOR",
    "Authenticator",
    "KeyDirectory",
    "KeysProjection",
    "LimitedAuthenticator",
    "RateLimiter",
    "TokenVerifier",
    "VerifiedToken",
    "Visitors",
    "check_exposure",
    "command_handlers",
    "is_loopback",
    "query_handlers",
]


def command_handlers(clock: Clock) -> Mapping[type[Command], CommandHandler[Any, Any]]:
    """The write side's dispatch table."""
    return {
        commands.CreateOrganisation: CreateOrganisationHandler(),
        commands.CreateUser: CreateUserHandler(),
        commands.RemoveUser: RemoveUserHandler(),
        commands.GrantRole: GrantRoleHandler(),
        commands.RevokeRole: RevokeRoleHandler(),
        commands.RotateApiKey: RotateApiKeyHandler(clock),
        commands.CreateApiKey: CreateApiKeyHandler(),
        commands.RevokeApiKey: RevokeApiKeyHandler(),
    }


def query_handlers(directory: KeyDirectory) -> Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]:
    """The read side's dispatch table."""

    async def list_keys(query: queries.ListApiKeys, actor: Actor) -> tuple[ApiKeyView, ...]:
        return tuple(await directory.list(actor.org_id))

    async def organisation(query: queries.GetOrganisation, actor: Actor) -> OrganisationView:
        return await directory.organisation(actor.org_id)

    async def roles(query: queries.ListRoles, actor: Actor) -> tuple[GrantView, ...]:
        return tuple(await directory.roles(actor.org_id, query.resource))

    async def myself(query: queries.WhoAmI, actor: Actor) -> SelfView:
        scopes, held = tuple(sorted(actor.scopes)), tuple(sorted(actor.held))
        return SelfView(actor.org_id, actor.principal_id, scopes, held, actor.readers)

    return {
        queries.ListApiKeys: list_keys,
        queries.GetOrganisation: organisation,
        queries.ListRoles: roles,
        queries.WhoAmI: myself,
    }
