"""Where a message may go: not to this machine, nor to what only this machine can reach, unless the operator says so.

A URL is somebody's text, and the name in it answers with whatever its owner likes, another thing each time (DNS
rebinding). So the name is resolved here, every address it has is judged, and the connection goes to one of these very
addresses; the name only travels along, in the header ``Host`` and for the certificate.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import httpx

from veraison.errors import VeraisonError

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Name and port to numeric addresses; OSError where there are none."""

_MAX_URL = 2_000
_NAT64 = IPv6Network("64:ff9b::/96")
_PUBLIC_YET_INTERNAL = (IPv4Network("168.63.129.16/32"),)
"""Azure's platform address lies among the public ones and answers to virtual machines only."""


class RefusedURLError(VeraisonError):
    """A URL to which nothing is sent; one line says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads. ``addresses``: numeric, each of them judged, in the order to try."""

    url: httpx.URL
    addresses: tuple[str, ...]

    @property
    def host(self) -> str:
        """What the header ``Host`` says."""
        return self.url.netloc.decode("ascii")

    def at(self, address: str) -> httpx.URL:
        """The same URL with an address in place of the name."""
        return self.url.copy_with(host=address)


def checked_url(text: str) -> httpx.URL:
    """The URL of a receiver, before anybody asks for its address; RefusedURLError where it cannot be one."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise RefusedURLError("the URL cannot be read; write one such as https://crm.example/hooks/scores") from None
    if len(text) > _MAX_URL or not text.isprintable() or " " in text:
        raise RefusedURLError(f"a URL is printable text without blanks of at most {_MAX_URL:,} characters")
    if url.scheme not in ("http", "https") or not url.host:
        raise RefusedURLError("the URL must begin with https:// or http:// and name a host")
    if url.port is not None and not 0 < url.port < 65_536:
        raise RefusedURLError(f"port {url.port} is none; allowed are 1 to 65535")
    if url.userinfo:
        raise RefusedURLError("the URL has a user or password in it; messages are signed instead")
    return url


def is_public(address: str) -> bool:
    """Whether an address is one that anybody on the internet could reach.

    >>> [is_public(one) for one in ("93.184.216.34", "127.0.0.1", "10.1.2.3", "169.254.169.254", "100.100.100.200")]
    [True, False, False, False, False]
    >>> [is_public(one) for one in ("2606:4700::1111", "::1", "fd00:ec2::254", "::ffff:10.0.0.1", "64:ff9b::7f00:1")]
    [True, False, False, False, False]
    """
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        inner = _embedded(ip)
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    elif any(ip in network for network in _PUBLIC_YET_INTERNAL):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


async def target(text: str, resolve: Resolve, *, private: bool) -> Target:
    """Where a URL leads at this moment.

    private : the operator allows addresses that are not public
    Raises RefusedURLError; OSError where the name has no address.
    """
    url = checked_url(text)
    port = url.port or (443 if url.scheme == "https" else 80)
    addresses = tuple(dict.fromkeys(await resolve(url.host, port)))
    if not addresses:
        raise OSError("the name has no address")
    inner = [one for one in addresses if not is_public(one)]
    if inner and not private:
        raise RefusedURLError(
            f"{url.host} leads to {inner[0]}, which is not a public address; "
            "VERAISON_PUSH_PRIVATE=1 allows that where the receiver is yours"
        )
    return Target(url, addresses)


async def resolve(host: str, port: int) -> list[str]:
    """What the machine's resolver says, each address in the canonical form that is connected to."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError("the name is not one") from error
    return [str(one[4][0]) for one in found]


def _embedded(ip: IPv6Address) -> IPv4Address | None:
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
