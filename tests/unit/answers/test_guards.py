from __future__ import annotations

import pytest

from ryorin.contexts.answers.domain.guards import differences

APART = [
    ("When does the office open?", "オフィスはいつ開きますか？", "language"),
    ("How do I add 2 users?", "How do I add 3 users?", "numbers"),
    ("How do I add two users?", "How do I add three users?", "numbers"),
    ("会議室は三人で使えますか", "会議室は五人で使えますか", "numbers"),
    ("Can I pay with a card?", "Can I pay without a card?", "negation"),
    ("Can I cancel the order?", "Can't I not cancel the order now, never?", "negation"),
    ("ログインできる理由は何ですか", "ログインできない理由は何ですか", "negation"),
    ("How do I connect Slack?", "How do I connect Teams?", "names"),
    ("デロリアンの値段は？", "カローラの値段は？", "names"),
    ("How do I convert euros to dollars?", "How do I convert dollars to euros?", "direction"),
    ("東京から京都への行き方", "京都から東京への行き方", "direction"),
]
ALIKE = [
    ("When does the office open?", "At what time does the office open?"),
    ("How do I add 2 users?", "What is the way to add two users?"),
    ("オフィスはいつ開きますか？", "オフィスの開く時間は？"),
    ("返品できますか", "返品できませんか"),
    ("How do I convert euros to dollars?", "What is the way to convert euros to dollars?"),
    ("ＡＢＣ", "ABC"),
]


@pytest.mark.parametrize(("one", "other", "guard"), APART)
def test_a_difference_that_matters_forbids(one: str, other: str, guard: str) -> None:
    assert guard in differences(one, other).forbidding(words=1.0)
    assert guard in differences(other, one).forbidding(words=1.0)


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_another_wording_of_the_same_is_not_forbidden(one: str, other: str) -> None:
    assert differences(one, other).forbidding(words=1.0) == ()


def test_a_negation_in_other_words_is_a_way_of_speaking() -> None:
    apart = differences("My card has not arrived", "I am still waiting for my card")

    assert apart.negation
    assert apart.forbidding(words=0.2) == ()
