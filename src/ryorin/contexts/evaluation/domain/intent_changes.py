"""What an edit of a prompt did to what it requires (ADR-0032)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ryorin.contexts.evaluation.domain.intent import Reading, counterpart, replacement
from ryorin.contexts.evaluation.domain.statements import Meaning, weak
from ryorin.contexts.evaluation.specs import Requirement, RequirementChange


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a model says of a statement: whether the other text still asks for it, and in which words."""

    still: Literal["fully", "partly", "no"]
    where: str
    by: str


def doubtful(before: Reading, after: Reading) -> list[str]:
    """Statements of the first that are not in the second word for word: a model may be asked about them."""
    return list(dict.fromkeys(one.text for one in before.requirements if one.text not in after.there))


def changes(
    before: Reading, after: Reading, meaning: Meaning, verdicts: Mapping[str, Verdict] | None = None
) -> tuple[RequirementChange, ...]:
    """Lost, changed and gained requirements; `verdicts`, by statement, stand before what rules find."""
    judged = verdicts or {}
    added = [one for one in after.requirements if counterpart(one, before, meaning) is None]
    made = list[RequirementChange]()
    for number, one in enumerate(before.requirements, start=1):
        verdict = judged.get(one.text)
        if verdict is None and counterpart(one, after, meaning) is not None:
            continue
        if verdict is not None and verdict.still == "fully":
            continue
        other = replacement(one, added, after, meaning)
        if other in added:
            added.remove(other)
        elif verdict is not None and verdict.still == "partly":
            other = Requirement(one.kind, verdict.where, verdict.where or "a part of it")
        made.append(_change(number, one, other, "rules" if verdict is None else verdict.by))
    made += [RequirementChange("gained", None, one, f"this edit added: {one.text!r}") for one in added]
    return tuple(made)


def _change(number: int, before: Requirement, after: Requirement | None, by: str) -> RequirementChange:
    if after is None:
        told = f"this edit lost requirement {number}: {before.text!r}"
        return RequirementChange("lost", before, None, told, by)
    become = "weaker" if weak(after.text) and not weak(before.text) else "another"
    told = f"requirement {number} is {become}: {before.text!r} became {after.text!r}"
    return RequirementChange("changed", before, after, told, by)
