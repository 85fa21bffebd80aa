"""What a conversation is made of: messages by reference, summaries, and what its user prefers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ryorin.kernel.errors import InvalidInput

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")

TurnRole = Literal["user", "assistant"]


@dataclass(frozen=True, slots=True)
class SavedMessage:
    """A message by the hash of its text (SHA-256); `answer` is the id of the answer that it is."""

    role: TurnRole
    content_hash: str
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message with its text; numbers count from 1 within the conversation."""

    number: int
    role: TurnRole
    text: str
    answer: str | None
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class History:
    """What a question in a conversation is asked with: a summary of the messages up to a number, and those after it."""

    summary: str | None
    summarised: int
    messages: tuple[MessageView, ...]


@dataclass(frozen=True, slots=True)
class UserSettings:
    """What a user prefers in conversations; "" and None leave it to the request and the server.

    `instructions` go before every conversation; `history_tokens` is how much of a conversation a model is shown.
    """

    model: str = ""
    collection: str = ""
    instructions: str = ""
    history_tokens: int | None = None


def check_id(conversation: str) -> None:
    """Raise InvalidInput unless it can name a conversation."""
    if not ID.fullmatch(conversation):
        raise InvalidInput(
            f"conversation {conversation[:60]!r} must be 1-100 of A-Z a-z 0-9 _ - and begin with a letter or digit"
        )
