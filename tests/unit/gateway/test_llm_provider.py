from __future__ import annotations

import pytest

from ryorin.contexts.gateway.catalogue import Limits, ModelSpec, PriceTable, ProviderSpec, TokenUse
from ryorin.contexts.gateway.commands import PutModel, PutProvider, SetBudget
from ryorin.contexts.gateway.domain.budget import SpendingBudget
from ryorin.contexts.gateway.domain.llm_provider import LLMProvider
from ryorin.contexts.gateway.errors import BudgetNotFound, ProviderNotFound
from ryorin.contexts.gateway.events import BudgetSet, ModelPut, ModelRemoved, ProviderPut, ProviderRemoved
from ryorin.kernel.errors import InvalidInput, NotFound
from ryorin.kernel.messages import OrgId

SPEC = ProviderSpec(base_url="https://models.example/v1", secret="env:RYORIN_SECRET_EXAMPLE")
BIG = ModelSpec("vendor/big-1")


def provider() -> LLMProvider:
    known = LLMProvider(OrgId("a"), "example")
    known.put(SPEC)
    known.mark_saved()
    return known


def test_what_is_so_already_is_no_event() -> None:
    known = provider()

    known.put(SPEC)
    known.put_model("big", BIG)
    known.put_model("big", BIG)

    assert known.pending == (ModelPut("example", "big", BIG),)


def test_a_provider_that_comes_back_serves_nothing_at_first() -> None:
    known = provider()
    known.put_model("big", BIG)
    known.remove()
    known.put(SPEC)

    with pytest.raises(NotFound, match="serves no model under 'big'"):
        known.remove_model("big")
    assert [type(event) for event in known.pending] == [ModelPut, ProviderRemoved, ProviderPut]


def test_a_model_is_moved_and_removed() -> None:
    known = provider()
    known.put_model("big", BIG)
    known.put_model("big", ModelSpec("vendor/big-2"))
    known.remove_model("big")

    assert known.pending[-1] == ModelRemoved("example", "big")


def test_a_provider_nobody_registered_serves_nothing() -> None:
    with pytest.raises(ProviderNotFound, match="register it first"):
        LLMProvider(OrgId("a"), "example").put_model("big", BIG)


def test_a_budget_comes_and_goes() -> None:
    budget = SpendingBudget(OrgId("a"), "organisation")
    budget.set(5.0, "month")
    budget.set(5.0, "month")
    budget.remove()

    assert budget.pending[0] == BudgetSet("organisation", 5.0, "month")
    assert len(budget.pending) == 2
    with pytest.raises(BudgetNotFound):
        budget.remove()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (ProviderSpec(), "needs a base_url"),
        (ProviderSpec(base_url="ftp://models.example"), "http or https"),
        (ProviderSpec(base_url="https://user:word@models.example/v1"), "must not contain a credential"),
        (ProviderSpec(base_url="https://models.example:99999/v1"), "http or https"),
        (ProviderSpec(base_url="https://models.example", secret="env:PATH"), "RYORIN_SECRET_NAME"),
        (ProviderSpec(base_url="https://models.example", secret="env:RYORIN_DATABASE_URL"), "RYORIN_SECRET_NAME"),
        (ProviderSpec(base_url="https://models.example", secret="file:../../etc/passwd"), "RYORIN_SECRETS_DIR"),
        (ProviderSpec(base_url="https://models.example", limits=Limits(0)), "requests_per_minute is 0"),
        (ProviderSpec(base_url="https://models.example", silence_seconds=float("nan")), "silence_seconds"),
    ],
)
def test_a_provider_that_cannot_be_is_refused(spec: ProviderSpec, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        PutProvider(provider="example", spec=spec).validate()


def test_a_secret_given_in_clear_is_not_repeated() -> None:
    spec = ProviderSpec(base_url="https://models.example", secret="sk-live-1234")

    with pytest.raises(InvalidInput) as refused:
        PutProvider(provider="example", spec=spec).validate()

    assert "sk-live" not in refused.value.detail


@pytest.mark.parametrize(
    ("alias", "spec", "words"),
    [
        ("extractive", BIG, "taken by Ryorin"),
        ("big/collection/docs", BIG, "must be 1-100"),
        ("big", ModelSpec(" "), "model must be"),
        ("big", ModelSpec("m", context_tokens=0), "context_tokens is 0"),
        ("big", ModelSpec("m", price=PriceTable(-1.0)), "price input"),
        ("big", ModelSpec("m", price=PriceTable(output=float("inf"))), "price output"),
        ("big", ModelSpec("m", fallbacks=("big",)), "other aliases"),
        ("big", ModelSpec("m", fallbacks=("a", "a")), "each once"),
    ],
)
def test_a_model_that_cannot_be_is_refused(alias: str, spec: ModelSpec, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        PutModel(provider="example", alias=alias, spec=spec).validate()


@pytest.mark.parametrize("subject", ["key:", "user:alice", "key:a b", ""])
def test_a_budget_is_an_organisations_or_a_keys(subject: str) -> None:
    with pytest.raises(InvalidInput, match="must be organisation or key:PREFIX"):
        SetBudget(subject=subject, usd=1).validate()


def test_every_token_is_paid_for_once() -> None:
    table = PriceTable(input=10, output=30, cached_read=1, cache_write=12, reasoning=60)

    assert table.of(TokenUse(1000, 2000, 500, 100, 50)) == pytest.approx(
        (1000 * 10 + 2000 * 1 + 500 * 12 + 100 * 30 + 50 * 60) / 1e6
    )


def test_a_price_that_is_not_said_is_that_of_its_side() -> None:
    assert PriceTable(input=10, output=30).of(TokenUse(0, 1000, 1000, 0, 1000)) == pytest.approx(0.05)
    assert PriceTable(10, 30, cache_write=12, reasoning=60).most(1000, 1000) == pytest.approx(0.072)
