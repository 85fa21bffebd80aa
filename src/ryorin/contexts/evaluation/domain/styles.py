"""The aggregate of a style."""

from __future__ import annotations

from typing import ClassVar

from ryorin.contexts.evaluation.errors import StyleNotFound
from ryorin.contexts.evaluation.events import StylePut, StyleRemoved
from ryorin.contexts.evaluation.specs import StyleGenome
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.events import Event, Stream
from ryorin.kernel.messages import OrgId


class Style(Aggregate):
    """A genome by name."""

    stream_type: ClassVar[str] = "style"

    def __init__(self, org_id: OrgId, style: str) -> None:
        super().__init__(Stream(org_id, self.stream_type, style))
        self.style = style
        self.genome: StyleGenome | None = None

    def put(self, genome: StyleGenome, author: str) -> None:
        """Make it the style of this name."""
        if genome != self.genome:
            self.record(StylePut(self.style, genome, author))

    def remove(self) -> None:
        """Take it away; raises StyleNotFound."""
        if self.genome is None:
            raise StyleNotFound(f"there is no style {self.style!r}")
        self.record(StyleRemoved(self.style))

    def apply(self, event: Event) -> None:
        match event:
            case StylePut():
                self.genome = event.genome
            case StyleRemoved():
                self.genome = None
