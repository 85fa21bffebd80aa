"""Use cases of identity; each is a line or two of its aggregate."""

from __future__ import annotations

from datetime import timedelta

from ryorin.contexts.identity.commands import (
    CreateApiKey,
    CreateOrganisation,
    CreateUser,
    GrantRole,
    IdentityChanged,
    RemoveUser,
    RevokeApiKey,
    RevokeRole,
    RotateApiKey,
)
from ryorin.contexts.identity.domain.api_key import ApiKey
from ryorin.contexts.identity.domain.organisation import Organisation
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import Clock, UnitOfWork


class CreateOrganisationHandler(CommandHandler[CreateOrganisation, None]):
    """Names the organisation."""

    async def decide(self, command: CreateOrganisation, prepared: None, run: Run, work: UnitOfWork) -> IdentityChanged:
        organisation = await work.load(Organisation(run.actor.org_id))
        organisation.rename(command.display_name)
        await work.save(organisation)
        return IdentityChanged(run.actor.org_id)


class CreateUserHandler(CommandHandler[CreateUser, None]):
    """Adds a user."""

    async def decide(self, command: CreateUser, prepared: None, run: Run, work: UnitOfWork) -> IdentityChanged:
        organisation = await work.load(Organisation(run.actor.org_id))
        organisation.add_user(command.user, command.display_name, command.kind)
        await work.save(organisation)
        return IdentityChanged(command.user)


class RemoveUserHandler(CommandHandler[RemoveUser, None]):
    """Ends a user's rights."""

    async def decide(self, command: RemoveUser, prepared: None, run: Run, work: UnitOfWork) -> IdentityChanged:
        organisation = await work.load(Organisation(run.actor.org_id))
        organisation.remove_user(command.user, run.actor)
        await work.save(organisation)
        return IdentityChanged(command.user)


class GrantRoleHandler(CommandHandler[GrantRole, None]):
    """Gives a role."""

    async def decide(self, command: GrantRole, prepared: None, run: Run, work: UnitOfWork) -> IdentityChanged:
        organisation = await work.load(Organisation(run.actor.org_id))
        organisation.grant(command.subject, command.role, command.resource, run.actor)
        await work.save(organisation)
        return IdentityChanged(command.subject)


class RevokeRoleHandler(CommandHandler[RevokeRole, None]):
    """Takes a role away."""

    async def decide(self, command: RevokeRole, prepared: None, run: Run, work: UnitOfWork) -> IdentityChanged:
        organisation = await work.load(Organisation(run.actor.org_id))
        organisation.revoke(command.subject, command.resource, run.actor)
        await work.save(organisation)
        return IdentityChanged(command.subject)


class RotateApiKeyHandler(CommandHandler[RotateApiKey, None]):
    """Makes a key that succeeds another, and says when that one ends: both or neither."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def decide(self, command: RotateApiKey, prepared: None, run: Run, work: UnitOfWork) -> IdentityChanged:
        old = await work.load(ApiKey(run.actor.org_id, command.prefix))
        new = await work.load(ApiKey(run.actor.org_id, command.new_prefix))
        new.succeed(old, command.secret_hash, command.expires_at, run.actor)
        old.end_at(self._clock.now() + timedelta(seconds=command.overlap_seconds), new)
        await work.save(new)
        await work.save(old)
        return IdentityChanged(command.new_prefix)


class CreateApiKeyHandler(CommandHandler[CreateApiKey, None]):
    """Adds a key."""

    async def decide(self, command: CreateApiKey, prepared: None, run: Run, work: UnitOfWork) -> IdentityChanged:
        key = await work.load(ApiKey(run.actor.org_id, command.prefix))
        key.create(command)
        await work.save(key)
        return IdentityChanged(command.prefix)


class RevokeApiKeyHandler(CommandHandler[RevokeApiKey, None]):
    """Ends a key."""

    async def decide(self, command: RevokeApiKey, prepared: None, run: Run, work: UnitOfWork) -> IdentityChanged:
        key = await work.load(ApiKey(run.actor.org_id, command.prefix))
        key.revoke(run.actor)
        await work.save(key)
        return IdentityChanged(command.prefix)
