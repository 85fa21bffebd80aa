"""What can be asked of routing: experts come and go, gates are trained, activated and corrected."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.routing.experts import ExpertSpec, GateQuality
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Command, Result, RetryPolicy, Scope

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# of the prompts' names and labels, which are another context's
PROMPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(@[a-z0-9][a-z0-9._-]{0,35})?")
MAX_TEXT_CHARACTERS = 20_000
MAX_COLLECTIONS = 10
MAX_ADAPTER_CHARACTERS = 300
# an expert may not be answered by the experts
EXPERTS_MODEL = "experts"


@dataclass(frozen=True, slots=True)
class RoutingChanged(Result):
    """The name of what was changed."""

    name: str


@dataclass(frozen=True, slots=True)
class GateTrainedResult(Result):
    """The new version, how well it decides, and whether it is active now."""

    version: int
    active: bool
    quality: GateQuality


@dataclass(frozen=True, slots=True, kw_only=True)
class PutExpert(Command):
    """Register an expert, or change it."""

    name: ClassVar[str] = "routing.put_expert"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = RoutingChanged

    expert: str
    spec: ExpertSpec

    def validate(self) -> None:
        check_name(self.expert)
        spec = self.spec
        if not spec.model or spec.model == EXPERTS_MODEL:
            raise InvalidInput("an expert needs the alias of a model, other than 'experts'")
        if not spec.description.strip():
            raise InvalidInput("an expert needs a description: it decides what comes here until a gate is trained")
        if spec.prompt and not PROMPT.fullmatch(spec.prompt):
            raise InvalidInput(f"prompt {spec.prompt[:60]!r} must be NAME, NAME@LABEL or NAME@NUMBER")
        _check_lengths(spec)
        if spec.model == "extractive" and (spec.adapter or not spec.collections):
            raise InvalidInput("the model 'extractive' answers from documents, without adapters: give it a collection")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveExpert(Command):
    """Forget an expert."""

    name: ClassVar[str] = "routing.remove_expert"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = RoutingChanged

    expert: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainGate(Command):
    """Train a version of the gate on stored examples (none: those of the newest version).

    With `feedback`, judged decisions are examples too. With `activate` it is used at once if it decides no worse than
    the active version on the same examples.
    """

    name: ClassVar[str] = "routing.train_gate"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = GateTrainedResult
    queued: ClassVar[bool] = True
    queue: ClassVar[str] = "train"
    retry: ClassVar[RetryPolicy] = RetryPolicy(attempts=2, base_seconds=10.0)

    examples_hash: str | None = None
    feedback: bool = True
    activate: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateGate(Command):
    """Have a version decide from now on; an earlier one too, which is the way back.

    Raises GateNotBetter for one that decides worse than the active one did on the same examples, unless it must be.
    """

    name: ClassVar[str] = "routing.activate_gate"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = RoutingChanged

    version: int
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRouting(Command):
    """Say which expert a question was for (None: for none of them): the next training learns from it."""

    name: ClassVar[str] = "routing.judge_routing"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    result_type: ClassVar[type[Result]] = RoutingChanged

    decision: str
    expert: str | None


COMMANDS: tuple[type[Command], ...] = (PutExpert, RemoveExpert, TrainGate, ActivateGate, JudgeRouting)


def check_name(name: str) -> None:
    """Raise InvalidInput unless `name` can name an expert."""
    if not NAME.fullmatch(name):
        raise InvalidInput(f"expert {name[:60]!r} must be 1-100 of A-Z a-z 0-9 . _ - and begin with a letter or digit")


def _check_lengths(spec: ExpertSpec) -> None:
    if max(len(spec.description), len(spec.system)) > MAX_TEXT_CHARACTERS:
        raise InvalidInput(f"description and system prompt have at most {MAX_TEXT_CHARACTERS} characters")
    if len(spec.adapter) > MAX_ADAPTER_CHARACTERS:
        raise InvalidInput(f"an adapter's name has at most {MAX_ADAPTER_CHARACTERS} characters")
    if len(spec.collections) > MAX_COLLECTIONS:
        raise InvalidInput(f"an expert has at most {MAX_COLLECTIONS} collections")
