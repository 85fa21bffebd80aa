"""Conversations without anything around them: who they belong to, and what of them fits before a question."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryorin.contexts.conversations.domain.conversation import Conversation
from ryorin.contexts.conversations.domain.packing import FULL, MESSAGE_TOKENS, pack
from ryorin.contexts.conversations.errors import ConversationNotFound
from ryorin.contexts.conversations.turns import History, MessageView, SavedMessage, TurnRole
from ryorin.kernel.messages import OrgId

AT = datetime(2026, 11, 1, tzinfo=UTC)
SAID = (SavedMessage("user", "a" * 64), SavedMessage("assistant", "b" * 64, "chatcmpl-1"))


def conversation() -> Conversation:
    made = Conversation(OrgId("a"), "conv_1")
    made.save("me", SAID)
    return made


def test_a_conversation_belongs_to_who_began_it() -> None:
    made = conversation()

    with pytest.raises(ConversationNotFound):
        made.save("you", SAID)
    with pytest.raises(ConversationNotFound):
        made.remove("you")
    made.save("me", SAID)
    assert made.messages == 4


def test_a_removed_conversation_does_not_begin_again() -> None:
    made = conversation()
    made.remove("me")

    for principal in ("me", "you"):
        with pytest.raises(ConversationNotFound):
            made.save(principal, SAID)


def test_a_summary_that_reaches_no_further_changes_nothing() -> None:
    made = conversation()
    made.summarise("me", 2, "c" * 64)
    before = len(made.pending)

    for up_to in (1, 2, 3):
        made.summarise("me", up_to, "d" * 64)

    assert (len(made.pending), made.summarised) == (before, 2)


def history(texts: list[str], summary: str | None = None, first: str = "user") -> History:
    roles: tuple[TurnRole, TurnRole] = ("user", "assistant") if first == "user" else ("assistant", "user")
    views = tuple(
        MessageView(number, roles[(number - 1) % 2], text, None, AT) for number, text in enumerate(texts, start=1)
    )
    return History(summary, 0, views)


def test_the_newest_messages_that_fit_are_shown_beginning_with_a_users() -> None:
    # four of each message's tokens are its own: 14 each
    packed = pack(history(["x" * 10] * 6), room=50, count=len)

    assert [message.number for message in packed.messages] == [5, 6]
    assert packed.left_out == 4
    # of a room that is full, less than half stays as it was said
    assert packed.summarise_up_to == 6


def test_what_fits_easily_needs_no_summary() -> None:
    packed = pack(history(["x" * 10] * 4), room=100, count=len)

    assert (len(packed.messages), packed.left_out, packed.summarise_up_to) == (4, 0, 0)


def test_a_summary_is_shown_if_it_fits() -> None:
    assert pack(history(["x"] * 2, "y" * 10), room=40, count=len).summary == "y" * 10
    alone = pack(history(["x"] * 2, "y" * 100), room=40, count=len)
    assert (alone.summary, len(alone.messages)) == (None, 2)


@given(
    st.lists(st.text(max_size=30), max_size=12),
    st.one_of(st.none(), st.text(max_size=40)),
    st.sampled_from(["user", "assistant"]),
    st.integers(0, 200),
)
def test_what_is_shown_fits_and_is_the_end_of_what_was_said(
    texts: list[str], summary: str | None, first: str, room: int
) -> None:
    told = history(texts, summary, first)
    packed = pack(told, room, len)

    cost = sum(len(message.text) + MESSAGE_TOKENS for message in packed.messages)
    cost += 0 if packed.summary is None else len(packed.summary) + MESSAGE_TOKENS
    assert cost <= room or not packed.messages
    assert packed.messages == told.messages[packed.left_out :]
    assert not packed.messages or packed.messages[0].role == "user"
    whole = sum(len(text) + MESSAGE_TOKENS for text in texts)
    assert packed.summarise_up_to <= len(texts)
    assert packed.summarise_up_to == 0 or whole + len(summary or "") + MESSAGE_TOKENS > room * FULL
