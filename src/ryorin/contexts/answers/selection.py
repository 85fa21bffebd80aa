"""Which cached answers are meant: by collection, document, tag, model or prompt, or all of an organisation."""

from __future__ import annotations

from dataclasses import dataclass

from ryorin.kernel.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Selection:
    """What is named must all hold; `everything` stands alone. A document or tag needs its collection.

    A tag means answers with a document in their context that has it now; a prompt means all of its versions.
    """

    collection: str | None = None
    document: str | None = None
    tag: str | None = None
    model: str | None = None
    prompt: str | None = None
    everything: bool = False

    def validate(self) -> None:
        """Raise InvalidInput for a selection that says nothing, or too much."""
        named = any(part is not None for part in (self.collection, self.document, self.tag, self.model, self.prompt))
        if named == self.everything:
            raise InvalidInput("name a collection, a document, a tag, a model or a prompt, or everything alone")
        if self.collection is None and (self.document is not None or self.tag is not None):
            raise InvalidInput("a document or a tag needs the collection it is in")

    def __str__(self) -> str:
        parts = {
            "collection": self.collection,
            "document": self.document,
            "tag": self.tag,
            "model": self.model,
            "prompt": self.prompt,
        }
        return ", ".join(f"{name} {value}" for name, value in parts.items() if value is not None) or "everything"
