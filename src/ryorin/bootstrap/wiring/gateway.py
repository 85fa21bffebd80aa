"""Wires the gateway: catalogues, ways to models, spending."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession

from ryorin.adapters.litellm.chat import LiteLlmChatModel
from ryorin.adapters.litellm.prices import LiteLlmPrices
from ryorin.adapters.llamacpp.chat import LlamaCppChatModel, bundled_model
from ryorin.adapters.local.secrets import LocalSecrets
from ryorin.adapters.openai_http.chat import OpenAIHttpChatModel
from ryorin.adapters.postgres.catalogue import PostgresCatalogues
from ryorin.adapters.postgres.notifications import Channel
from ryorin.adapters.postgres.spending import PostgresSpending
from ryorin.bootstrap.settings import Settings
from ryorin.bootstrap.wiring.foundation import Foundation
from ryorin.contexts.answers.module import ChatModel
from ryorin.contexts.gateway.catalogue import Deployment, ModelSpec, PriceTable, ProviderSpec
from ryorin.contexts.gateway.module import command_handlers, query_handlers
from ryorin.kernel.handlers import CommandHandler
from ryorin.kernel.messages import Actor, Command, Query
from ryorin.processes.model_directory import Breakers, ModelDirectory, Standing

BUNDLED = "smollm2"
# a local model may take its time with a long prompt
LOCAL_SILENCE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Gateway:
    """What others use of the gateway."""

    directory: ModelDirectory
    # of the server's own settings, by alias
    standing: Mapping[str, ChatModel]
    spending: PostgresSpending
    catalogues: PostgresCatalogues
    secrets: LocalSecrets

    def queries(self) -> Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]:
        """The read side's dispatch table."""
        return query_handlers(self.catalogues, self.spending, self.secrets)


def gateway_commands() -> Mapping[type[Command], CommandHandler[Any, Any]]:
    """The write side's dispatch table."""
    return command_handlers(LiteLlmPrices())


def build_gateway(
    base: Foundation, settings: Settings, session: ClientSession, breakers: Breakers | None = None
) -> Gateway:
    """Connect the gateway; `session` is what HTTP calls to models go through."""
    catalogues = PostgresCatalogues(base.pool)
    base.notifications.subscribe(Channel.EVICTIONS, catalogues.told)
    base.notifications.on_connection(catalogues.connection)
    secrets = LocalSecrets(settings.secrets_dir or settings.data_dir / "secrets")
    spending = PostgresSpending(base.pool, base.ids)

    def connect(deployment: Deployment) -> ChatModel:
        reached, serves = deployment.reached, deployment.serves

        def key() -> str | None:
            return secrets.read(reached.secret) if reached.secret else None

        if reached.kind == "litellm":
            return LiteLlmChatModel(deployment.alias, serves.model, reached.base_url, key, serves.context_tokens)
        # the command is refused unless it is given
        assert reached.base_url is not None
        return OpenAIHttpChatModel(
            deployment.alias, reached.base_url, serves.model, key, serves.context_tokens, session
        )

    standing = [_bundled(), *_configured(settings, session)]
    directory = ModelDirectory(catalogues, standing, connect, spending, base.clock, base.telemetry, breakers)
    models = {one.deployment.alias: one.model for one in standing}
    return Gateway(directory, models, spending, catalogues, secrets)


def _bundled() -> Standing:
    model = LlamaCppChatModel(BUNDLED, bundled_model())
    deployment = Deployment(
        BUNDLED,
        "local",
        ProviderSpec(silence_seconds=LOCAL_SILENCE_SECONDS),
        ModelSpec(BUNDLED, model.context_tokens, model.context_tokens),
    )
    return Standing(deployment, model, "llamacpp", "ryorin")


def _configured(settings: Settings, session: ClientSession) -> list[Standing]:
    standing = []
    for alias, model in settings.models.items():
        key = model.api_key.get_secret_value() if model.api_key else None
        served = OpenAIHttpChatModel(alias, model.base_url, model.model, _given(key), model.context_tokens, session)
        price = PriceTable(model.prompt_usd, model.completion_usd)
        deployment = Deployment(
            alias,
            "configured",
            ProviderSpec(base_url=model.base_url),
            ModelSpec(model.model, model.context_tokens, price=price),
        )
        standing.append(Standing(deployment, served, "openai_http", "configured"))
    return standing


def _given(key: str | None) -> Callable[[], str | None]:
    return lambda: key
