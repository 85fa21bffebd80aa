"""Error budgets and how fast they burn (Google, The Site Reliability Workbook, chapter 5; ADR-0033)."""

from __future__ import annotations

from collections.abc import Mapping

from ryorin.contexts.traffic.ports import Counted
from ryorin.contexts.traffic.specs import LEVELS, BurnRate, Level, ObjectiveSpec, ObjectiveStatus
from ryorin.kernel.intervals import wilson

# level, burn rate, and the long window as a share of the objective's: of 30 days one hour, six hours, three days
ALERTS: tuple[tuple[Level, float, float], ...] = (("page", 14.4, 1 / 720), ("page", 6.0, 6 / 720), ("ticket", 1.0, 0.1))
# the short window as a share of the long one: when it is over, the alert ends soon
SHORT = 1 / 12
MIN_LONG, MIN_SHORT = 5, 1
MINUTES_A_DAY = 1440
# two-sided, so that its lower bound is one of 95 %
CONFIDENCE = 0.9


def windows(spec: ObjectiveSpec) -> list[int]:
    """Every window that has to be counted (minutes), each once."""
    found = {spec.window_days * MINUTES_A_DAY}
    for _, _, share in ALERTS:
        found.update(_windows(spec, share))
    return sorted(found)


def _windows(spec: ObjectiveSpec, share: float) -> tuple[int, int]:
    long = max(MIN_LONG, round(spec.window_days * MINUTES_A_DAY * share))
    return long, max(MIN_SHORT, round(long * SHORT))


def budget_status(spec: ObjectiveSpec, counted: Mapping[int, Counted]) -> ObjectiveStatus:
    """How an objective stands, by what was counted in each of its windows."""
    assert spec.target is not None  # one without is drift
    allowed = 1 - spec.target
    whole = counted[spec.window_days * MINUTES_A_DAY]
    burns = tuple(_burn(spec, level, limit, share, allowed, counted) for level, limit, share in ALERTS)
    fired = {burn.level for burn in burns if burn.fires}
    level: Level = next((one for one in reversed(LEVELS) if one in fired), "ok")
    good = whole.total - whole.bad
    bounds = wilson(good, whole.total) if whole.total else None
    return ObjectiveStatus(
        level=level,
        counted=whole.total,
        good=good,
        share=good / whole.total if whole.total else None,
        low=bounds.low if bounds else None,
        high=bounds.high if bounds else None,
        budget_left=1 - whole.bad / (allowed * whole.total) if whole.total else None,
        burns=burns,
        abstained=whole.abstained,
        failed=whole.failed,
        told=_told(level, burns, whole, spec),
    )


def _burn(
    spec: ObjectiveSpec, level: Level, limit: float, share: float, allowed: float, counted: Mapping[int, Counted]
) -> BurnRate:
    long_minutes, short_minutes = _windows(spec, share)
    long, short = counted[long_minutes], counted[short_minutes]
    sure = wilson(long.bad, long.total, CONFIDENCE).low / allowed if long.total else 0.0
    rates = [one.bad / one.total / allowed if one.total else 0.0 for one in (long, short)]
    # a target so low that no rate could reach the limit is at it when nearly everything is bad
    reachable = min(limit, 0.9 / allowed)
    fires = sure > reachable and rates[1] > reachable
    return BurnRate(level, reachable, long_minutes, short_minutes, rates[0], rates[1], sure, fires)


def _told(level: Level, burns: tuple[BurnRate, ...], whole: Counted, spec: ObjectiveSpec) -> str:
    if not whole.total:
        return "nothing was counted yet"
    share = (whole.total - whole.bad) / whole.total
    standing = f"{share:.2%} of {whole.total} answers in {spec.window_days} days are good, of {spec.target:.2%} wanted"
    fired = next((one for one in burns if one.fires and one.level == level), None)
    if fired is None:
        return standing
    return (
        f"the error budget burns {fired.long:.1f} times as fast as it may (over {fired.long_minutes} minutes;"
        f" {fired.short:.1f} times over {fired.short_minutes}); {standing}"
    )
