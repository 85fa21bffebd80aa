"""Things to be done with a text: summarise it, translate it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from ryorin.contexts.answers.queries import CATALOGUE_MODEL, Answer
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Query, Scope, resource_of

Language = Literal["ja", "en"]
MAX_TEXT_CHARACTERS = 2_000_000
MAX_WORDS = 2000


@dataclass(frozen=True, slots=True)
class TextSource:
    """A text, or the current text of a document that the actor may read."""

    text: str | None = None
    collection: str | None = None
    document: str | None = None

    def validate(self) -> None:
        """Raise InvalidInput unless it is one of the two."""
        named = self.collection is not None and self.document is not None
        if (self.text is not None) == named or (not named and (self.collection or self.document)):
            raise InvalidInput("give a text, or a collection and a document in it")
        if self.text is not None and not self.text.strip():
            raise InvalidInput("the text is empty")
        if self.text is not None and len(self.text) > MAX_TEXT_CHARACTERS:
            raise InvalidInput(f"the text is longer than {MAX_TEXT_CHARACTERS} characters")

    def needs(self, scope: Scope) -> tuple[Scope, ...]:
        """A document is for who may read documents."""
        return (scope,) if self.text is not None else (scope, Scope.KNOWLEDGE_READ)


@dataclass(frozen=True, slots=True, kw_only=True)
class SummariseText(Query[Answer]):
    """What does a text say, in at most so many words? In its own language, if none is named.

    A long one is summarised piece by piece, and then the summaries (map and reduce).
    """

    name: ClassVar[str] = "answers.summarise_text"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = ("knowledge.documents", CATALOGUE_MODEL)

    source: TextSource
    model: str
    language: Language | None = None
    max_words: int = 150
    use_cache: bool = True

    def needs(self) -> tuple[Scope, ...]:
        """As the source says."""
        return self.source.needs(self.scope)

    def touches(self) -> str:
        """The source's collection."""
        return resource_of(self.source)

    def validate(self) -> None:
        self.source.validate()
        if not 10 <= self.max_words <= MAX_WORDS:  # noqa: PLR2004 - fewer say nothing
            raise InvalidInput(f"max_words is {self.max_words}; it must be 10-{MAX_WORDS}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslateText(Query[Answer]):
    """What does a text say in another language? Piece by piece, in order."""

    name: ClassVar[str] = "answers.translate_text"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = ("knowledge.documents", CATALOGUE_MODEL)

    source: TextSource
    model: str
    language: Language
    use_cache: bool = True

    def needs(self) -> tuple[Scope, ...]:
        """As the source says."""
        return self.source.needs(self.scope)

    def touches(self) -> str:
        """The source's collection."""
        return resource_of(self.source)

    def validate(self) -> None:
        self.source.validate()
