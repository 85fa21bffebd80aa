"""Use cases of identity; each is a line or two of its aggregate."""

from __future__ import annotations

from ryorin.contexts.identity.commands import (
    CreateApiKey,
    CreateOrganisation,
    CreateUser,
    IdentityChanged,
    RevokeApiKey,
)
from ryorin.contexts.identity.domain.api_key import ApiKey
from ryorin.contexts.identity.domain.organisation import Organisation
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import UnitOfWork


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
        organisation.add_user(command.user, command.display_name)
        await work.save(organisation)
        return IdentityChanged(command.user)


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
        key.revoke()
        await work.save(key)
        return IdentityChanged(command.prefix)
