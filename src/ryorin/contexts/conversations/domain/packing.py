"""What of a conversation fits before a question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ryorin.contexts.conversations.turns import History, MessageView

# what a model needs around each message (tokens)
MESSAGE_TOKENS = 4
# of the room for history that may be taken before old messages are summarised
FULL = 0.75
# of the room: what stays as it was said when the rest is summarised
KEPT = 0.4


@dataclass(frozen=True, slots=True)
class Packed:
    """What is shown: the summary if it fits, messages, and how many older ones are neither in it nor shown.

    `summarise_up_to` is the number of the last message that had better be summarised soon; 0: none.
    """

    summary: str | None
    messages: tuple[MessageView, ...]
    left_out: int
    summarise_up_to: int


def pack(history: History, room: int, count: Callable[[str], int]) -> Packed:
    """As many of the newest messages as fit in `room` tokens beside the summary, beginning with a user's."""
    costs = [count(message.text) + MESSAGE_TOKENS for message in history.messages]
    summary, taken = history.summary, 0
    if summary is not None:
        taken = count(summary) + MESSAGE_TOKENS
        if taken > room:
            summary, taken = None, 0
    shown = _newest(history.messages, costs, room - taken)
    packed = history.messages[len(history.messages) - shown :]
    left_out = len(history.messages) - shown
    full = taken + sum(costs) > room * FULL
    kept = _newest(history.messages, costs, int(room * KEPT))
    old = history.messages[: len(history.messages) - kept]
    return Packed(summary, packed, left_out, old[-1].number if full and old else 0)


def _newest(messages: Sequence[MessageView], costs: Sequence[int], room: int) -> int:
    """How many of the newest messages fit, so that the first of them is a user's."""
    taken = fitting = 0
    for back, (message, cost) in enumerate(zip(reversed(messages), reversed(costs), strict=True), start=1):
        taken += cost
        if taken > room:
            break
        if message.role == "user":
            fitting = back
    return fitting
