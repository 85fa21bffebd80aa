"""Read-your-writes: a read that carries a token waits for it, bounded, or says that it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ryorin.kernel.errors import StaleRead
from ryorin.kernel.events import LogPosition
from ryorin.kernel.ports import ReadPositions


@dataclass(frozen=True, slots=True)
class Consistency:
    """What a read demands: to see everything up to `token`, waiting at most `wait_seconds`."""

    token: LogPosition | None = None
    wait_seconds: float = 10.0


EVENTUAL = Consistency()


async def ensure(positions: ReadPositions, read_models: Sequence[str], demand: Consistency) -> None:
    """Return once the read models have seen the token; raises StaleRead when they do not in time."""
    if demand.token is None or not read_models:
        return
    if not await positions.wait_for(read_models, demand.token, demand.wait_seconds):
        raise StaleRead(
            f"{', '.join(read_models)} did not reach position {demand.token} within "
            f"{demand.wait_seconds:g} s; try again, or see `ryorin projections status`"
        )
