"""Jinja with so little of it that a template can neither reach anything nor run on (ADR-0028).

What is allowed is listed, node by node; everything else is refused when the template is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, ClassVar

from cachebox import LRUCache
from jinja2 import StrictUndefined, Template, TemplateError, meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ryorin.kernel.errors import InvalidInput

MAX_ITERATIONS = 10_000
MAX_CHARACTERS = 500_000
MAX_NUMBER = 1e15
REMEMBERED = 1_000

ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.List,
    nodes.Tuple,
    nodes.Dict,
    nodes.Pair,
    nodes.If,
    nodes.For,
    nodes.CondExpr,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Slice,
    nodes.Filter,
    nodes.Test,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Neg,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Keyword,
)
# none of these makes more than it was given, but `join`
FILTERS = frozenset(
    [
        "abs",
        "capitalize",
        "count",
        "d",
        "default",
        "dictsort",
        "first",
        "float",
        "int",
        "items",
        "join",
        "last",
        "length",
        "list",
        "lower",
        "max",
        "min",
        "reverse",
        "round",
        "sort",
        "string",
        "sum",
        "title",
        "tojson",
        "trim",
        "truncate",
        "unique",
        "upper",
        "wordcount",
    ]
)
TESTS = frozenset(
    [
        "boolean",
        "defined",
        "divisibleby",
        "eq",
        "equalto",
        "even",
        "false",
        "float",
        "ge",
        "gt",
        "in",
        "integer",
        "iterable",
        "le",
        "lower",
        "lt",
        "mapping",
        "ne",
        "none",
        "number",
        "odd",
        "sequence",
        "string",
        "true",
        "undefined",
        "upper",
    ]
)
_left: ContextVar[list[int]] = ContextVar("iterations_left")


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops: ClassVar[frozenset[str]] = frozenset({"+", "-", "*", "/", "//", "%"})  # type: ignore[misc]

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Numbers only: a text times a number is a text of any length."""
        if any(isinstance(one, bool) or not isinstance(one, int | float) for one in (left, right)):
            raise SecurityError(f"{operator} is for numbers; put texts side by side instead")
        result = super().call_binop(context, operator, left, right)
        if abs(result) > MAX_NUMBER:
            raise SecurityError(f"{left} {operator} {right} is too large")
        return result


class JinjaTemplates:
    """The `TemplateEngine` port."""

    def __init__(self) -> None:
        self._environment = _Environment(undefined=StrictUndefined, keep_trailing_newline=True)
        self._environment.filters["counted"] = _counted
        self._environment.filters["tojson"] = _as_json
        self._environment.filters["join"] = _joined
        self._compiled: LRUCache[str, tuple[Template, tuple[str, ...]]] = LRUCache(REMEMBERED)

    def names(self, text: str) -> Sequence[str]:
        """The variables that a template uses, in order; raises InvalidInput."""
        return self._read(text)[1]

    def render(self, text: str, values: Mapping[str, object]) -> str:
        """What it says with these values; raises InvalidInput."""
        template, _ = self._read(text)
        token = _left.set([MAX_ITERATIONS])
        pieces, size = [], 0
        try:
            for piece in template.generate(values):
                size += len(piece)
                if size > MAX_CHARACTERS:
                    raise InvalidInput(f"the filled template is longer than {MAX_CHARACTERS} characters")
                pieces.append(piece)
        except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError, RecursionError) as error:
            raise InvalidInput(f"the template cannot be filled in: {error}") from error
        finally:
            _left.reset(token)
        return "".join(pieces)

    def _read(self, text: str) -> tuple[Template, tuple[str, ...]]:
        known = self._compiled.get(text)
        if known is not None:
            return known
        try:
            tree = self._environment.parse(text)
            _check(tree)
            free = meta.find_undeclared_variables(tree)
            used = tuple(dict.fromkeys(one.name for one in tree.find_all(nodes.Name) if one.name in free))
            for loop in tree.find_all(nodes.For):
                loop.iter = nodes.Filter(loop.iter, "counted", [], [], None, None)
            made = self._environment.from_string(tree), used
        except (TemplateError, SyntaxError, RecursionError) as error:
            line = f" (line {error.lineno})" if getattr(error, "lineno", None) else ""
            raise InvalidInput(f"the template cannot be read{line}: {error}") from error
        self._compiled[text] = made
        return made


def _check(tree: nodes.Template) -> None:
    """Raise InvalidInput for what a prompt's template may not do."""
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, ALLOWED):
            raise InvalidInput(f"a prompt's template has no {type(node).__name__}{_line(node)}")
        for kind, known in ((nodes.Filter, FILTERS), (nodes.Test, TESTS)):
            if isinstance(node, kind) and node.name not in known:
                word = kind.__name__.lower()
                raise InvalidInput(
                    f"there is no {word} {node.name!r}{_line(node)}; there are {', '.join(sorted(known))}"
                )
        if isinstance(node, nodes.For) and node.recursive:
            raise InvalidInput(f"a loop in a prompt's template cannot be recursive{_line(node)}")


def _line(node: nodes.Node) -> str:
    return f" (line {node.lineno})" if node.lineno else ""


def _counted(items: Iterable[Any]) -> Iterator[Any]:
    """Each of them, while all loops of this template together have not gone too far."""
    left = _left.get()
    for item in items:
        left[0] -= 1
        if left[0] < 0:
            raise SecurityError(f"the loops of a template may go {MAX_ITERATIONS} rounds in all")
        yield item


def _as_json(value: Any, indent: int | None = None) -> str:
    """Unlike Jinja's own, for models and not for browsers: Japanese stays readable, < is no \\u003c."""
    return json.dumps(value, ensure_ascii=False, indent=min(indent, 8) if indent else None)


def _joined(items: Any, separator: str = "", attribute: str | int | None = None) -> str:
    if isinstance(items, str):
        raise SecurityError("join is for lists, not for texts")
    found = [item[attribute] if attribute is not None else item for item in items]
    texts = [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in found]
    if sum(map(len, texts)) + len(separator) * len(texts) > MAX_CHARACTERS:
        raise SecurityError(f"a list joins to {MAX_CHARACTERS} characters at most")
    return separator.join(texts)
