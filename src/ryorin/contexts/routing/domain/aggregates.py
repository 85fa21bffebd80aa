"""The aggregates of routing: an expert, and an organisation's gate with its versions."""

from __future__ import annotations

from typing import ClassVar

from ryorin.contexts.routing.errors import ExpertNotFound, GateNotBetter, GateNotFound
from ryorin.contexts.routing.events import (
    ExpertPut,
    ExpertRemoved,
    GateActivated,
    GateTrained,
    RoutingJudged,
)
from ryorin.contexts.routing.experts import ExpertSpec, GateQuality, GateVersion
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.events import Event, Stream
from ryorin.kernel.messages import OrgId

# so much worse than the active gate a new one may be on the same examples: chance, not loss
TOLERANCE = 0.005


class RegisteredExpert(Aggregate):
    """Someone to ask."""

    stream_type: ClassVar[str] = "expert"

    def __init__(self, org_id: OrgId, expert: str) -> None:
        super().__init__(Stream(org_id, self.stream_type, expert))
        self.expert = expert
        self.spec: ExpertSpec | None = None

    def put(self, spec: ExpertSpec) -> None:
        """Register or change it."""
        if spec != self.spec:
            self.record(ExpertPut(self.expert, spec))

    def remove(self) -> None:
        """Forget it; raises ExpertNotFound."""
        if self.spec is None:
            raise ExpertNotFound(f"there is no expert {self.expert!r}")
        self.record(ExpertRemoved(self.expert))

    def apply(self, event: Event) -> None:
        self.spec = event.spec if isinstance(event, ExpertPut) else None


class GateHistory(Aggregate):
    """Every version of an organisation's gate, and which one decides."""

    stream_type: ClassVar[str] = "gate"

    def __init__(self, org_id: OrgId) -> None:
        super().__init__(Stream(org_id, self.stream_type, org_id))
        self.versions: dict[int, GateVersion] = {}
        self.active: int | None = None

    @property
    def newest(self) -> GateVersion | None:
        """The version that was trained last."""
        return self.versions[max(self.versions)] if self.versions else None

    def trained(
        self, experts: tuple[str, ...], embedding: str, content_hash: str, examples_hash: str, quality: GateQuality
    ) -> int:
        """Note a new version; its number."""
        version = len(self.versions) + 1
        self.record(GateTrained(GateVersion(version, experts, embedding, content_hash, examples_hash, quality)))
        return version

    def activate(self, version: int, force: bool = False) -> None:
        """Have a version decide; raises GateNotFound, and GateNotBetter for one that did worse than the active one.

        An earlier version may always come back.
        """
        if version not in self.versions:
            raise GateNotFound(f"there is no version {version} of the gate")
        if version == self.active:
            return
        quality = self.versions[version].quality
        newer = self.active is None or version > self.active
        worse = quality.active_accuracy is not None and quality.accuracy < quality.active_accuracy - TOLERANCE
        if newer and worse and not force:
            raise GateNotBetter(
                f"version {version} decides {quality.accuracy:.1%} of the held-out examples rightly, the active one"
                f" {quality.active_accuracy:.1%}; train on more examples, or force it"
            )
        self.record(GateActivated(version))

    def apply(self, event: Event) -> None:
        match event:
            case GateTrained():
                self.versions[event.trained.version] = event.trained
            case GateActivated():
                self.active = event.version


class RoutingCase(Aggregate):
    """A decision, and what people said of it."""

    stream_type: ClassVar[str] = "routing_decision"

    def __init__(self, org_id: OrgId, decision: str) -> None:
        super().__init__(Stream(org_id, self.stream_type, decision))
        self.decision = decision
        self.judged: tuple[str | None] | None = None

    def judge(self, expert: str | None) -> None:
        """Say which expert it was for; saying it again changes nothing."""
        if self.judged != (expert,):
            self.record(RoutingJudged(self.decision, expert))

    def apply(self, event: Event) -> None:
        if isinstance(event, RoutingJudged):
            self.judged = (event.expert,)
