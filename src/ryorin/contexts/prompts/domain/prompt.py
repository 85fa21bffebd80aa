"""The aggregate of prompts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from ryorin.contexts.prompts.errors import GateClosed, LabelProtected, PromptNotFound
from ryorin.contexts.prompts.events import (
    PromptDescribed,
    PromptLabelGated,
    PromptLabelMoved,
    PromptLabelProtected,
    PromptLabelRemoved,
    PromptRemoved,
    PromptShared,
    PromptVersionCreated,
)
from ryorin.contexts.prompts.versions import LabelGate, PromptAbout, PromptVersion, references_of
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.events import Event, Stream
from ryorin.kernel.messages import OrgId


@dataclass(frozen=True, slots=True)
class Shown:
    """What a comparison of two versions has shown, in words."""

    candidate: int
    current: int
    passed: bool
    reason: str


class Prompt(Aggregate):
    """Versions that never change, labels that say which of them is meant, and who may read them."""

    stream_type: ClassVar[str] = "prompt"

    def __init__(self, org_id: OrgId, prompt: str) -> None:
        super().__init__(Stream(org_id, self.stream_type, prompt))
        self.prompt = prompt
        self.latest: PromptVersion | None = None
        # also of removed ones: a number never means two things
        self.numbers = 0
        # the prompts that each version takes in
        self.versions: dict[int, frozenset[str]] = {}
        self.labels: dict[str, int] = {}
        # every version that a label has named: on the way back nothing has to be shown again
        self.named: dict[str, set[int]] = {}
        self.about = PromptAbout()

    @property
    def takes_in(self) -> frozenset[str]:
        """The names of all prompts that a version of this one takes in."""
        return frozenset().union(*self.versions.values())

    def add_version(self, draft: PromptVersion) -> int:
        """The number of a new version, or of the latest one if it says the same."""
        latest = self.latest
        if latest is not None and latest.says_the_same(draft):
            return latest.number
        self.record(PromptVersionCreated(self.prompt, replace(draft, number=self.numbers + 1)))
        return self.numbers

    def gate_before(self, label: str, version: int) -> LabelGate | None:
        """What a version has to show before the label names it; None: nothing, as on the way back."""
        gate, current = self.about.gates.get(label), self.labels.get(label)
        known = current is None or version in self.named.get(label, ())
        return None if known else gate

    def move(self, label: str, version: int, protected: bool = False, shown: Shown | None = None) -> None:
        """Have a label name a version; raises PromptNotFound, and LabelProtected and GateClosed unless `protected`.

        `shown` is what a comparison with the version that the label names now has shown.
        """
        self._known()
        if version not in self.versions:
            raise PromptNotFound(f"prompt {self.prompt!r} has no version {version}; the newest is {self.numbers}")
        if self.labels.get(label) != version:
            self._meant(label, protected)
            if not protected:
                self._passed(label, version, shown)
            self.record(PromptLabelMoved(self.prompt, label, version))

    def unlabel(self, label: str, protected: bool = False) -> None:
        """Have a label name nothing; raises PromptNotFound, LabelProtected unless that is known."""
        self._known()
        if label not in self.labels:
            raise PromptNotFound(f"prompt {self.prompt!r} has no label {label!r}")
        self._meant(label, protected)
        self.record(PromptLabelRemoved(self.prompt, label))

    def remove(self, protected: bool = False) -> None:
        """Take it away; raises PromptNotFound, LabelProtected while a protected label names a version of it."""
        self._known()
        for label in self.labels:
            self._meant(label, protected)
        self.record(PromptRemoved(self.prompt))

    def describe(self, folder: str | None, tags: tuple[str, ...] | None, description: str | None) -> None:
        """Say where it belongs and what it is for; None keeps what is said. Raises PromptNotFound."""
        self._known()
        about = replace(
            self.about,
            folder=self.about.folder if folder is None else folder,
            tags=self.about.tags if tags is None else tags,
            description=self.about.description if description is None else description,
        )
        if about != self.about:
            self.record(PromptDescribed(self.prompt, about.folder, about.tags, about.description))

    def share(self, readers: tuple[str, ...]) -> None:
        """Decide who may read it; raises PromptNotFound."""
        self._known()
        if readers != self.about.readers:
            self.record(PromptShared(self.prompt, readers))

    def protect(self, label: str, protected: bool) -> None:
        """Leave moving a label to admins, or to editors again; raises PromptNotFound."""
        self._known()
        if (label in self.about.protected) != protected:
            self.record(PromptLabelProtected(self.prompt, label, protected))

    def gate(self, label: str, gate: LabelGate | None) -> None:
        """Say what a version has to show before the label names it; raises PromptNotFound."""
        self._known()
        if self.about.gates.get(label) != gate:
            self.record(PromptLabelGated(self.prompt, label, gate))

    def _passed(self, label: str, version: int, shown: Shown | None) -> None:
        gate = self.gate_before(label, version)
        if gate is None:
            return
        if shown is None or (shown.candidate, shown.current) != (version, self.labels[label]):
            wanted = f"version {version} compared by {gate.metric} on {gate.dataset} first"
            raise GateClosed(f"label {label!r} of prompt {self.prompt!r} wants {wanted}")
        if not shown.passed:
            raise GateClosed(f"version {version} of prompt {self.prompt!r} does not pass: {shown.reason}")

    def _known(self) -> None:
        if self.latest is None:
            raise PromptNotFound(f"there is no prompt {self.prompt!r}")

    def _meant(self, label: str, protected: bool) -> None:
        if label in self.about.protected and not protected:
            raise LabelProtected(
                f"label {label!r} of prompt {self.prompt!r} is protected: an admin moves it, with `protected`"
            )

    def apply(self, event: Event) -> None:
        match event:
            case PromptVersionCreated(version=version):
                self.latest = version
                self.numbers = version.number
                references = references_of(message.content for message in version.messages)
                self.versions[version.number] = frozenset(one.name for one in references)
            case PromptLabelMoved():
                self.labels[event.label] = event.version
                self.named.setdefault(event.label, set()).add(event.version)
            case PromptLabelRemoved():
                self.labels.pop(event.label, None)
            case PromptRemoved():
                self.latest = None
                self.versions.clear()
                self.labels.clear()
                self.named.clear()
                self.about = PromptAbout()
            case _:
                self._apply_about(event)

    def _apply_about(self, event: Event) -> None:
        match event:
            case PromptDescribed():
                self.about = replace(self.about, folder=event.folder, tags=event.tags, description=event.description)
            case PromptShared():
                self.about = replace(self.about, readers=event.readers)
            case PromptLabelGated(gate=gate):
                kept = {label: one for label, one in self.about.gates.items() if label != event.label}
                self.about = replace(self.about, gates=kept | ({event.label: gate} if gate else {}))
            case PromptLabelProtected():
                others = set(self.about.protected) - {event.label}
                self.about = replace(
                    self.about, protected=tuple(sorted(others | ({event.label} if event.protected else set())))
                )
