"""Whether a version of a prompt was shown to be good enough for a label that wants it shown."""

from __future__ import annotations

from collections.abc import Callable

from ryorin.contexts.evaluation.queries import CompareEvaluations, Comparison, EvaluationView, ListEvaluations
from ryorin.contexts.prompts.versions import LabelGate
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.messages import Actor

# of all evaluations of a version together at most one in twenty passes by chance: the first has half of these 5 %, each
# further one half of what is left, so that evaluating it again until it passes helps nobody. Within an evaluation it
# holds however often one looks (Ville's inequality).
FIRST = 40.0


class Promotion:
    """The `Comparisons` port of prompts, on evaluations."""

    def __init__(self, bus: Callable[[], QueryBus]) -> None:
        self._bus = bus

    async def shown(self, actor: Actor, prompt: str, candidate: int, current: int, gate: LabelGate) -> tuple[bool, str]:
        """Whether the newest evaluations of both versions show it, and why."""
        found = await self._bus().ask(ListEvaluations(dataset=gate.dataset, prompt=prompt), actor)
        new, old = _newest(found, candidate, gate), _newest(found, current, gate)
        if new is None or old is None:
            missing = " and ".join(str(one) for one, view in ((candidate, new), (current, old)) if view is None)
            return False, f"there is no evaluation of version {missing} on {_where(gate)} by {gate.metric}"
        query = CompareEvaluations(first=old.name, second=new.name, margin=gate.margin)
        comparison: Comparison = await self._bus().ask(query, actor)
        by = next((one for one in comparison.metrics if one.metric == gate.metric), None)
        if by is None:
            return False, f"evaluations {old.name!r} and {new.name!r} have no {gate.metric} in common"
        enough = FIRST * 2.0 ** (sum(_is_of(view, candidate, gate) for view in found) - 1)
        told = (
            f"{gate.metric} {by.first:.3f} to {by.second:.3f} on {by.items} items of {_where(gate)}:"
            f" {by.difference:+.3f} ({by.low:+.3f} to {by.high:+.3f});"
            f" evidence {by.evidence:.3g} of {enough:g} for {_wanted(gate)}"
        )
        return by.evidence >= enough, told


def _newest(views: tuple[EvaluationView, ...], version: int, gate: LabelGate) -> EvaluationView | None:
    """The newest one that ended well; they come newest first."""
    return next((view for view in views if _is_of(view, version, gate)), None)


def _is_of(view: EvaluationView, version: int, gate: LabelGate) -> bool:
    """Whether it ended well and is of that version, on what the gate wants."""
    return (
        view.summary is not None
        and view.spec.target.version == version
        and view.spec.split == gate.split
        and any(metric.name == gate.metric for metric in view.spec.metrics)
    )


def _where(gate: LabelGate) -> str:
    return gate.dataset + (f" ({gate.split})" if gate.split else "")


def _wanted(gate: LabelGate) -> str:
    return f"no worse by {-gate.margin:g}" if gate.margin < 0 else f"better by more than {gate.margin:g}"
