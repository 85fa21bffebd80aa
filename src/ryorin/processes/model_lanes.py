"""What a process knows of each way to a model: how fast it answers, how busy it is, and whether it should be left
alone (ADR-0018)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ryorin.contexts.answers.module import ChatModel, RemainingLimits
from ryorin.contexts.gateway.catalogue import Deployment, Limits
from ryorin.kernel.breaker import CircuitBreaker

Resource = Literal["requests", "tokens"]

MINUTE = 60.0
# what the newest call counts in the smoothed time to the first piece
NEWEST = 0.2
# of one that was never asked (seconds)
UNKNOWN_SECONDS = 0.2


@dataclass(slots=True, eq=False)
class LaneState:
    """How calls to one deployment went; times are of the loop's clock, in seconds."""

    breaker: CircuitBreaker
    first_piece: float = UNKNOWN_SECONDS
    under_way: int = 0
    # until when the provider, or its limit, lets nothing more through
    blocked_until: float = 0.0
    _calls: deque[tuple[float, int]] = field(default_factory=deque)
    _tokens: int = 0
    # what the provider said is left, less what went out since, and until when that holds
    _left: dict[Resource, tuple[int, float]] = field(default_factory=dict)

    @property
    def expected(self) -> float:
        """How long the next call will wait for its first piece."""
        return self.first_piece * (1 + self.under_way)

    def answered(self, seconds: float) -> None:
        """The first piece came after so long."""
        self.first_piece += NEWEST * (seconds - self.first_piece)

    def used(self, now: float, tokens: int) -> None:
        """A call with so many tokens goes out."""
        self._calls.append((now, tokens))
        self._tokens += tokens
        for resource, cost in _costs(tokens):
            if resource in self._left:
                left, until = self._left[resource]
                self._left[resource] = left - cost, until

    def told(self, remaining: RemainingLimits, now: float) -> None:
        """The provider says what it still takes."""
        said: tuple[tuple[Resource, int | None, float], ...] = (
            ("requests", remaining.requests, remaining.requests_reset),
            ("tokens", remaining.tokens, remaining.tokens_reset),
        )
        for resource, left, seconds in said:
            if left is not None:
                # those that are under way may not be in its count yet
                self._left[resource] = left, now + seconds

    def wait(self, limits: Limits, tokens: int, now: float) -> float:
        """Seconds until a call with so many tokens would be within the limits."""
        while self._calls and self._calls[0][0] <= now - MINUTE:
            self._tokens -= self._calls.popleft()[1]
        pause = max(0.0, self.blocked_until - now)
        for resource, cost in _costs(tokens):
            left, until = self._left.get(resource, (cost, now))
            if left < cost:
                pause = max(pause, until - now)
        if limits.requests_per_minute is not None and len(self._calls) >= limits.requests_per_minute:
            pause = max(pause, self._calls[-limits.requests_per_minute][0] + MINUTE - now)
        if limits.tokens_per_minute is not None and self._calls:
            excess = self._tokens + tokens - limits.tokens_per_minute
            pause = max(pause, self._until_gone(excess) - now if excess > 0 else 0.0)
        return pause

    def _until_gone(self, tokens: int) -> float:
        gone = 0
        for at, used in self._calls:
            gone += used
            if gone >= tokens:
                return at + MINUTE
        # a call that is larger than the limit goes out alone
        return self._calls[-1][0] + MINUTE


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """A deployment that can be asked."""

    deployment: Deployment
    model: ChatModel
    state: LaneState

    def may_be_asked(self, tokens: int, now: float) -> bool:
        """Whether neither a limit nor a breaker keeps it away; not yet that it is taken."""
        return self.state.wait(self.deployment.reached.limits, tokens, now) <= 0 and self.state.breaker.state != "open"


def quickest(lanes: Sequence[Lane], tokens: int, now: float) -> tuple[Lane | None, float]:
    """The lane that will answer first among those that may be asked now; else None, and the seconds until one may."""
    waits = [(lane.state.wait(lane.deployment.reached.limits, tokens, now), lane) for lane in lanes]
    ready = sorted((lane for wait, lane in waits if wait <= 0), key=lambda lane: lane.state.expected)
    for lane in ready:
        # in this order: half open, a breaker lets only one through, who must then call
        if lane.state.breaker.allows():
            return lane, 0.0
    return None, min((wait for wait, lane in waits if wait > 0 and lane.state.breaker.state != "open"), default=0.0)


def _costs(tokens: int) -> tuple[tuple[Resource, int], ...]:
    """What one call takes."""
    return ("requests", 1), ("tokens", tokens)
