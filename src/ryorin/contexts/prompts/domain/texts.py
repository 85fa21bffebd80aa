"""A version's texts: which variables they have, whether they can be read, and what they say with values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ryorin.contexts.prompts.domain.template import check_template, render, variables_of
from ryorin.contexts.prompts.domain.variables import as_text, bound, declared, typed
from ryorin.contexts.prompts.ports import TemplateEngine
from ryorin.contexts.prompts.versions import (
    PARTIAL,
    PromptMessage,
    PromptVariable,
    PromptVersion,
    TemplateSyntax,
    references_of,
)
from ryorin.kernel.errors import InvalidInput


class PromptTexts:
    """Both syntaxes behind one door; `jinja` is the engine of the second."""

    def __init__(self, jinja: TemplateEngine) -> None:
        self._jinja = jinja

    def check(self, version: PromptVersion) -> None:
        """Raise InvalidInput for templates that cannot be read, and for declarations that do not fit them."""
        texts = [message.content for message in version.messages]
        references_of(texts)
        if version.syntax == "plain":
            for text in texts:
                check_template(text)
        used = self.names(texts, version.syntax)
        names = [one.name for one in version.variables]
        if twice := {name for name in names if names.count(name) > 1}:
            raise InvalidInput(f"variables declared twice: {', '.join(sorted(twice))}")
        if version.syntax == "jinja" and (unknown := [name for name in used if name not in names]):
            raise InvalidInput(f"a Jinja template declares its variables; these are not: {', '.join(unknown)}")
        # what is taken in may use what is declared here
        if not references_of(texts) and (idle := [name for name in names if name not in used]):
            raise InvalidInput(f"variables declared and not used: {', '.join(idle)}")
        for variable in version.variables:
            if variable.default is not None:
                typed(variable, variable.default)

    def names(self, texts: Iterable[str], syntax: TemplateSyntax) -> tuple[str, ...]:
        """The variables in texts, each once; raises InvalidInput."""
        if syntax == "plain":
            return variables_of(texts)
        return tuple(dict.fromkeys(name for text in texts for name in self._jinja.names(PARTIAL.sub("", text))))

    def variables(self, version: PromptVersion) -> tuple[PromptVariable, ...]:
        """Declared or used only."""
        return declared(
            self.names((message.content for message in version.messages), version.syntax), version.variables
        )

    def filled(self, version: PromptVersion, given: Mapping[str, object]) -> Sequence[PromptMessage]:
        """The messages with these values; raises InvalidInput."""
        values = bound(self.variables(version), given)
        return [PromptMessage(one.role, self._filled(one.content, version.syntax, values)) for one in version.messages]

    def _filled(self, text: str, syntax: TemplateSyntax, values: Mapping[str, object]) -> str:
        if syntax == "jinja":
            return self._jinja.render(text, values)
        return render(text, {name: as_text(value) for name, value in values.items()})
