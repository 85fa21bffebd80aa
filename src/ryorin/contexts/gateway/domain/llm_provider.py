"""The provider aggregate: how it is reached, and what it serves under which alias."""

from __future__ import annotations

from typing import ClassVar

from ryorin.contexts.gateway.catalogue import ModelSpec, ProviderSpec
from ryorin.contexts.gateway.errors import ProviderNotFound
from ryorin.contexts.gateway.events import ModelPut, ModelRemoved, ProviderPut, ProviderRemoved
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.errors import NotFound
from ryorin.kernel.events import Event, Stream
from ryorin.kernel.messages import OrgId


class LLMProvider(Aggregate):
    """A server of models."""

    stream_type: ClassVar[str] = "llm_provider"

    def __init__(self, org_id: OrgId, provider: str) -> None:
        super().__init__(Stream(org_id, self.stream_type, provider))
        self.provider = provider
        self.spec: ProviderSpec | None = None
        self.models: dict[str, ModelSpec] = {}

    def put(self, spec: ProviderSpec) -> None:
        """Register it, or reach it otherwise; nothing when it is so already."""
        if spec != self.spec:
            self.record(ProviderPut(self.provider, spec))

    def remove(self) -> None:
        """Forget it; raises ProviderNotFound."""
        self._required()
        self.record(ProviderRemoved(self.provider))

    def put_model(self, alias: str, spec: ModelSpec) -> None:
        """Serve an alias; raises ProviderNotFound."""
        self._required()
        if self.models.get(alias) != spec:
            self.record(ModelPut(self.provider, alias, spec))

    def remove_model(self, alias: str) -> None:
        """Serve an alias no longer; raises ProviderNotFound and NotFound."""
        self._required()
        if alias not in self.models:
            raise NotFound(f"provider {self.provider!r} serves no model under {alias!r}")
        self.record(ModelRemoved(self.provider, alias))

    def _required(self) -> None:
        if self.spec is None:
            raise ProviderNotFound(f"there is no provider {self.provider!r}; register it first")

    def apply(self, event: Event) -> None:
        match event:
            case ProviderPut():
                self.spec = event.spec
            case ProviderRemoved():
                self.spec, self.models = None, {}
            case ModelPut():
                self.models[event.alias] = event.spec
            case ModelRemoved():
                del self.models[event.alias]
