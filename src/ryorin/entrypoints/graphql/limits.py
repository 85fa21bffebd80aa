"""How deep and how costly an operation may be: refused before anything is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)
from graphql.validation import ASTValidationRule
from strawberry.extensions import SchemaExtension

MAX_DEPTH = 10
MAX_COST = 5_000
MAX_TOKENS = 2_000
MAX_ALIASES = 30
DEFAULT_FIRST = 20
MAX_FIRST = 100


class CostLimit(SchemaExtension):
    """A field costs 1, a page as many times what is in it as it has places; introspection is free."""

    def on_operation(self) -> Iterator[None]:
        """Has the document weighed with the variables that came with it, and who is there looked at anew."""
        context = self.execution_context
        context.context.begin()

        class Weighed(ASTValidationRule):
            def enter_document(self, node: DocumentNode, *_: Any) -> None:
                error = _refused(node, context.operation_name, context.variables or {})
                if error is not None:
                    self.report_error(error)

        context.validation_rules = (*context.validation_rules, Weighed)
        yield


def _refused(document: DocumentNode, name: str | None, variables: Mapping[str, Any]) -> GraphQLError | None:
    fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    for operation in operations:
        if name is not None and (operation.name is None or operation.name.value != name):
            continue
        cost, depth = _weighed(operation.selection_set, fragments, variables)
        if depth > MAX_DEPTH:
            return _too(f"the operation is {depth} deep; {MAX_DEPTH} is the limit", "too_deep")
        if cost > MAX_COST:
            return _too(f"the operation costs {cost}; {MAX_COST} is the limit: ask for smaller pages", "too_costly")
    return None


def _too(detail: str, code: str) -> GraphQLError:
    return GraphQLError(detail, extensions={"code": code, "status": 400})


def _weighed(
    selected: SelectionSetNode | None,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
    within: frozenset[str] = frozenset(),
) -> tuple[int, int]:
    """Cost and depth of what is selected; a fragment that is in itself, which validation refuses, counts once."""
    cost = depth = 0
    for one in selected.selections if selected else ():
        if isinstance(one, FieldNode):
            if one.name.value.startswith("__"):
                continue
            inner, below = _weighed(one.selection_set, fragments, variables, within)
            cost += 1 + inner * _places(one, variables)
            depth = max(depth, 1 + below)
            continue
        name = one.name.value if isinstance(one, FragmentSpreadNode) else ""
        inside = one.selection_set if isinstance(one, InlineFragmentNode) else None
        if name in fragments and name not in within:
            inside = fragments[name].selection_set
        inner, below = _weighed(inside, fragments, variables, within | {name})
        cost, depth = cost + inner, max(depth, below)
    return cost, depth


def _places(field: FieldNode, variables: Mapping[str, Any]) -> int:
    """How many of what is inside a field may come: `first` of a page, which has `edges` or `nodes` in it."""
    paged = field.selection_set is not None and any(
        isinstance(one, FieldNode) and one.name.value in ("edges", "nodes") for one in field.selection_set.selections
    )
    for argument in field.arguments or ():
        if argument.name.value == "first":
            value = argument.value
            found = variables.get(value.name.value) if isinstance(value, VariableNode) else None
            if isinstance(value, IntValueNode):
                found = int(value.value)
            return max(1, found) if isinstance(found, int) else DEFAULT_FIRST
    return DEFAULT_FIRST if paged else 1
