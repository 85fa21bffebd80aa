"""What a provider says is left of its limits, in the headers that OpenAI's API has and others copy."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ryorin.contexts.answers.read.ports import RemainingLimits

# such as 6m0s, 1.5s or 120ms
PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def remaining_limits(headers: Mapping[str, str]) -> RemainingLimits | None:
    """What is left, if anything is said about it that can be understood."""
    requests, tokens = (_number(headers.get(f"x-ratelimit-remaining-{kind}")) for kind in ("requests", "tokens"))
    if requests is None and tokens is None:
        return None
    resets = [_seconds(headers.get(f"x-ratelimit-reset-{kind}")) for kind in ("requests", "tokens")]
    return RemainingLimits(requests, tokens, resets[0], resets[1])


def _number(text: str | None) -> int | None:
    try:
        return None if text is None else max(0, int(text))
    except ValueError:
        return None


def _seconds(text: str | None) -> float:
    """Zero for what is no duration: a limit without an end keeps nobody away."""
    if not text or PART.sub("", text):
        return 0.0
    return sum(float(number) * SECONDS[unit] for number, unit in PART.findall(text))
