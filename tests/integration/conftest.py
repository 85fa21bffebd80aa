"""Fixtures of integration tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import ClientSession

from ryorin.adapters.openai_http.chat import model_session
from tests.upstream import Upstream, serving


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A server of models that answers with what the test tells it to."""
    with serving() as told:
        yield told


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    """Connections to servers of models."""
    async with model_session() as opened:
        yield opened
