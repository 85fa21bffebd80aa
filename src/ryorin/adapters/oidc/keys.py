"""An issuer's public keys (JWKS, RFC 7517): from a file, or fetched and remembered."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import jwt

from ryorin.kernel.errors import Unauthenticated, Unavailable

# how long keys are taken for the issuer's without looking again, and how often an unknown one makes us look
FRESH_SECONDS, LOOK_SECONDS = 3600.0, 30.0
TIMEOUT_SECONDS = 5.0


class IssuerKeys:
    """Keys by their ids. Those of a URL are fetched again each hour, and when a token names one that is not known: not
    more often than twice a minute, however many such tokens come."""

    def __init__(self, issuer: str, jwks: str | None, client: httpx.AsyncClient) -> None:
        self._issuer = issuer.rstrip("/")
        self._jwks = jwks
        self._client = client
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._lock = asyncio.Lock()

    async def get(self, key_id: str) -> jwt.PyJWK:
        """The key of an id; raises Unauthenticated when the issuer has none such, Unavailable when it does not say."""
        if self._stale() or key_id not in self._keys:
            async with self._lock:
                if (self._stale() or key_id not in self._keys) and self._may_try():
                    await self._load(required=key_id not in self._keys)
        key = self._keys.get(key_id)
        if key is not None:
            return key
        if self._fetched_at is None:
            raise Unavailable(f"the keys of the issuer {self._issuer} cannot be had; tokens cannot be checked")
        raise Unauthenticated("the token is signed with a key that its issuer does not have")

    def _stale(self) -> bool:
        return self._fetched_at is None or monotonic() - self._fetched_at > FRESH_SECONDS

    def _may_try(self) -> bool:
        return self._tried_at is None or monotonic() - self._tried_at > LOOK_SECONDS

    async def _load(self, required: bool) -> None:
        self._tried_at = monotonic()
        try:
            found = jwt.PyJWKSet.from_dict(await self._read())
        except (httpx.HTTPError, OSError, ValueError, KeyError, jwt.PyJWTError) as error:
            if required:
                # nothing is known yet: the next token may try again
                self._tried_at = None if self._fetched_at is None else self._tried_at
                raise Unavailable(f"the keys of the issuer {self._issuer} cannot be had: {error}") from error
            return
        self._keys = {key.key_id: key for key in found.keys if key.key_id}
        self._fetched_at = monotonic()

    async def _read(self) -> dict[str, Any]:
        if self._jwks is not None and not self._jwks.startswith(("http://", "https://")):
            text = await asyncio.to_thread(Path(self._jwks.removeprefix("file://")).read_text)
            return dict(json.loads(text))
        url = self._jwks
        if url is None:
            discovery = await self._fetched(f"{self._issuer}/.well-known/openid-configuration")
            url = str(discovery["jwks_uri"])
        return await self._fetched(url)

    async def _fetched(self, url: str) -> dict[str, Any]:
        response = await self._client.get(url, timeout=TIMEOUT_SECONDS)
        response.raise_for_status()
        return dict(response.json())
