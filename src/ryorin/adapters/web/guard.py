"""Connects to public addresses only (OWASP, Server-Side Request Forgery Prevention Cheat Sheet).

A name is resolved once, every address it has is judged, and the connection goes to one of those: who answers DNS
differently the second time (rebinding) has no second time.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpcore
from httpcore import SOCKET_OPTION, AsyncNetworkBackend, AsyncNetworkStream

from ryorin.contexts.knowledge.errors import UrlRefused
from ryorin.kernel.errors import Unavailable

Address = IPv4Address | IPv6Address
# IPv4 addresses are in the last 32 bits of these (RFC 6052, RFC 8215)
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))


def is_public(address: Address) -> bool:
    """Whether it is an address of the internet, also where it wraps one of IPv4."""
    if isinstance(address, IPv6Address):
        inner = _inner(address)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def _inner(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None or address.sixtofour is not None:
        return address.ipv4_mapped or address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _TRANSLATED):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


class GuardedBackend(AsyncNetworkBackend):
    """A network in which only public addresses are, and the `allowed` hosts."""

    def __init__(self, allowed: Collection[str] = ()) -> None:
        self._allowed = frozenset(host.lower() for host in allowed)
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Connect to a name or address; raises UrlRefused, Unavailable when the name is not known."""
        addresses = await self._addresses(host, port)
        return await self._network.connect_tcp(str(addresses[0]), port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Never."""
        raise UrlRefused(f"the socket {path!r} is not on the web")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._network.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> list[Address]:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise Unavailable(f"the host {host[:200]!r} is not known: {error}") from error
        addresses = [ip_address(str(one[4][0]).partition("%")[0]) for one in found]
        if host.lower() not in self._allowed and not all(map(is_public, addresses)):
            raise UrlRefused(
                f"{host[:200]!r} is not on the public internet; an administrator may allow it"
                " (RYORIN_FETCH__ALLOWED_HOSTS)"
            )
        return addresses
