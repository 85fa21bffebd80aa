"""The aggregate of prompts."""

from __future__ import annotations

from typing import ClassVar

from ryorin.contexts.prompts.domain.template import check_template
from ryorin.contexts.prompts.errors import PromptNotFound
from ryorin.contexts.prompts.events import (
    PromptLabelMoved,
    PromptLabelRemoved,
    PromptRemoved,
    PromptVersionCreated,
)
from ryorin.contexts.prompts.versions import PromptMessage, PromptParameters, PromptVersion
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.events import Event, Stream
from ryorin.kernel.messages import OrgId


class Prompt(Aggregate):
    """Versions that never change, and labels that say which of them is meant."""

    stream_type: ClassVar[str] = "prompt"

    def __init__(self, org_id: OrgId, prompt: str) -> None:
        super().__init__(Stream(org_id, self.stream_type, prompt))
        self.prompt = prompt
        self.latest: PromptVersion | None = None
        # also of removed ones: a number never means two things
        self.numbers = 0
        self.versions: set[int] = set()
        self.labels: dict[str, int] = {}

    def add_version(
        self, messages: tuple[PromptMessage, ...], parameters: PromptParameters, note: str, author: str
    ) -> int:
        """The number of a new version, or of the latest one if it says the same; raises InvalidInput for a template."""
        for message in messages:
            check_template(message.content)
        latest = self.latest
        if latest is not None and (latest.messages, latest.parameters) == (messages, parameters):
            return latest.number
        version = PromptVersion(self.numbers + 1, messages, parameters, note, author)
        self.record(PromptVersionCreated(self.prompt, version))
        return version.number

    def move(self, label: str, version: int) -> None:
        """Have a label name a version; raises PromptNotFound."""
        self._known()
        if version not in self.versions:
            raise PromptNotFound(f"prompt {self.prompt!r} has no version {version}; the newest is {self.numbers}")
        if self.labels.get(label) != version:
            self.record(PromptLabelMoved(self.prompt, label, version))

    def unlabel(self, label: str) -> None:
        """Have a label name nothing; raises PromptNotFound."""
        self._known()
        if label not in self.labels:
            raise PromptNotFound(f"prompt {self.prompt!r} has no label {label!r}")
        self.record(PromptLabelRemoved(self.prompt, label))

    def remove(self) -> None:
        """Take it away; raises PromptNotFound."""
        self._known()
        self.record(PromptRemoved(self.prompt))

    def _known(self) -> None:
        if self.latest is None:
            raise PromptNotFound(f"there is no prompt {self.prompt!r}")

    def apply(self, event: Event) -> None:
        match event:
            case PromptVersionCreated():
                self.latest = event.version
                self.numbers = event.version.number
                self.versions.add(event.version.number)
            case PromptLabelMoved():
                self.labels[event.label] = event.version
            case PromptLabelRemoved():
                self.labels.pop(event.label, None)
            case PromptRemoved():
                self.latest = None
                self.versions.clear()
                self.labels.clear()
