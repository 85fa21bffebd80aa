"""API keys as text: `ryo_<prefix>_<secret>`. Only the secret's hash is ever stored.

The secret has 256 random bits, so a plain SHA-256 is enough: slow hashes protect guessable passwords.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

PREFIX_BYTES, SECRET_BYTES = 6, 32
PARTS = 3


@dataclass(frozen=True, slots=True)
class NewKey:
    """A fresh key: `text` is shown to its owner once, prefix and hash are kept."""

    prefix: str
    secret_hash: str
    text: str = field(repr=False)


def new_key(random_bytes: Callable[[int], bytes]) -> NewKey:
    """Make a key from random bytes."""
    prefix, secret = random_bytes(PREFIX_BYTES).hex(), random_bytes(SECRET_BYTES).hex()
    return NewKey(prefix, _hash(secret), f"ryo_{prefix}_{secret}")


def split_key(text: str) -> tuple[str, str] | None:
    """Prefix and secret of a key's text; None when it is no key."""
    parts = text.split("_")
    if len(parts) != PARTS or parts[0] != "ryo" or not text.isascii():
        return None
    return parts[1], parts[2]


def matches(secret: str, secret_hash: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(_hash(secret), secret_hash)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
