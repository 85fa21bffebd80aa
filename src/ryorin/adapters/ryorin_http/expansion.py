"""Expands queries by a service with Ryorin's `POST /api/v1/expand-query`, such as another Ryorin near a GPU."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import msgspec

from ryorin.contexts.knowledge.expansion import ExpandQuery
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.messages import Actor

# a service answers with a few lines: more is a mistake
MAX_BYTES = 65_536


class _Answer(msgspec.Struct):
    variants: list[str]


class ExpansionService:
    """The `QueryExpander` port; `timeout_seconds` bounds a whole call."""

    def __init__(self, url: str, api_key: str | None, timeout_seconds: float, client: httpx.AsyncClient) -> None:
        base = url.rstrip("/")
        self._url = base if base.endswith("/expand-query") else f"{base}/api/v1/expand-query"
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout = timeout_seconds
        self._client = client

    async def expand(self, query: ExpandQuery, actor: Actor) -> Sequence[str]:
        """Variants; raises Unavailable when the service fails, is late or answers rubbish."""
        body = {
            "query": query.text,
            "japanese_count": query.japanese_count,
            "english_count": query.english_count,
        }
        try:
            response = await self._client.post(self._url, json=body, headers=self._headers, timeout=self._timeout)
        except httpx.HTTPError as error:
            raise Unavailable(f"the expansion service {self._url} failed ({type(error).__name__})") from error
        if not response.is_success:
            raise Unavailable(f"the expansion service {self._url} answered HTTP {response.status_code}")
        try:
            return msgspec.json.decode(response.content[:MAX_BYTES], type=_Answer).variants
        except msgspec.DecodeError as error:
            raise Unavailable(f"the expansion service {self._url} answered rubbish ({error})") from error
