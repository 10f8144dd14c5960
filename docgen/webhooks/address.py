"""Check where a webhook may go: by https to the public Internet, or into permitted networks.

Returns exactly the addresses that were checked, so that a name that changes meanwhile (DNS
rebinding) leads nowhere else; opens no connection.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Literal

from docgen.errors import NotAllowed

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Sequence[str]]

MOST_CHARACTERS = 2000  # of a URL; some servers take no more than 2,048
PORTS = {"https": 443, "http": 80}

# Refused even if the operator permits them: "this host" (RFC 1122, 3.2.1.3), multicast, broadcast,
# link-local, and the metadata services of clouds, which give out credentials.
_NEVER = (
    "0.0.0.0/8 100.100.100.200/32 169.254.0.0/16 224.0.0.0/4 255.255.255.255/32 ::/128 "
    "fd00:ec2::254/128 fe80::/10 ff00::/8"
)
NEVER = tuple(map(ip_network, _NEVER.split()))
# IANA's special-purpose registries (RFC 6890), where `ipaddress.is_global` takes them for public.
_SPECIAL = "192.0.0.0/24 192.88.99.0/24 2001::/23 2002::/16 3fff::/20"
SPECIAL = tuple(map(ip_network, _SPECIAL.split()))
UNICAST6 = IPv6Network("2000::/3")  # the only global unicast block in use (RFC 4291, 2.4)
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last four bytes are an IPv4 address

# RFC 3986, less what a receiver has no need of; `%` stands only in path and query.
_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/?]*)"
    r"(?P<path>(?:/[a-z0-9._~!$&'()*+,;=:@%/-]*)?)(?P<query>(?:\?[a-z0-9._~!$&'()*+,;=:@%/?-]*)?)",
    re.ASCII | re.IGNORECASE,
)
_AUTHORITY = re.compile(
    r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[a-z0-9.-]+))(?::(?P<port>[0-9]*))?",
    re.ASCII | re.IGNORECASE,
)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")  # RFC 1035, 2.3.1
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # inet_aton(3) takes these as parts of an address


@dataclass(frozen=True)
class WebhookAddress:
    """A URL whose host was looked up once and allowed; messages go to `addresses` only."""

    scheme: Literal["https", "http"]
    host: str  # lower case, IPv6 without brackets: what the certificate must name
    port: int
    path: str  # with the query
    addresses: tuple[Address, ...]

    @property
    def authority(self) -> str:
        """Return the value of the Host header (RFC 9110, 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def system_addresses(host: str, port: int) -> list[str]:
    """Return the addresses of a name by the system's resolver, best first. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def public_addresses(
    url: str,
    *,
    networks: Sequence[Network] = (),
    resolve: Resolve = system_addresses,
) -> WebhookAddress:
    """Return the addresses of `url`, calling `resolve` at most once; all must be public.

    Addresses in `networks` are allowed too (except those of NEVER), and only for them http is.
    Raises NotAllowed: webhook_address_refused; webhook_host_unknown when the name has no address.
    """
    scheme, authority, path = _split(url)
    if scheme != "https" and not (networks and scheme == "http"):
        raise NotAllowed("webhook_address_refused.scheme", place="url", value=scheme)
    host, port = _host_and_port(authority, PORTS[scheme])
    # What a system might read as an address must be one; the resolver would take 0x7f.1 as well.
    is_number = ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2])
    addresses = (_literal(host),) if is_number else _look_up(host, port, resolve)
    if not all(_allowed(address, networks) for address in addresses):
        raise NotAllowed("webhook_address_refused.inner", place="url", value=host)
    if scheme == "http" and not all(_permitted(address, networks) for address in addresses):
        raise NotAllowed("webhook_address_refused.scheme", place="url", value=scheme)
    return WebhookAddress("https" if scheme == "https" else "http", host, port, path, addresses)


def _split(url: str) -> tuple[str, str, str]:
    """Return scheme, authority, path with query. Errors show no value: a URL may hold secrets."""
    if "#" in url:
        raise NotAllowed("webhook_address_refused.fragment", place="url")
    parts = _URL.fullmatch(url)
    if parts is None or len(url) > MOST_CHARACTERS:
        raise NotAllowed("webhook_address_refused.form", place="url")
    if "@" in parts["authority"]:
        raise NotAllowed("webhook_address_refused.userinfo", place="url")
    return parts["scheme"].lower(), parts["authority"], (parts["path"] or "/") + parts["query"]


def _host_and_port(authority: str, usual: int) -> tuple[str, int]:
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise NotAllowed("webhook_address_refused.host", place="url")
    digits = parts["port"] if parts["port"] is not None else str(usual)
    if not 0 < len(digits) <= 5 or not 0 < int(digits) <= 65535:
        raise NotAllowed("webhook_address_refused.port", place="url", value=digits[:20])
    if parts["six"]:
        return str(_literal(parts["six"], IPv6Address)), int(digits)
    host = parts["name"].lower()
    labels = host.split(".")
    # 255 octets on the wire (RFC 1035, 2.3.4) are 253 characters.
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise NotAllowed("webhook_address_refused.host", place="url", value=host[:253])
    return host, int(digits)


def _literal(host: str, read: Callable[[str], Address] = ip_address) -> Address:
    """Parse an address in its usual notation: no octal, hexadecimal or short forms."""
    try:
        return read(host)
    except ValueError as wrong:
        raise NotAllowed("webhook_address_refused.host", place="url", value=host[:253]) from wrong


def _look_up(host: str, port: int, resolve: Resolve) -> tuple[Address, ...]:
    try:
        found = tuple(dict.fromkeys(ip_address(text) for text in resolve(host, port)))
    except OSError as wrong:
        raise NotAllowed("webhook_host_unknown", place="url", value=host) from wrong
    if not found:
        raise NotAllowed("webhook_host_unknown", place="url", value=host)
    return found


def _allowed(address: Address, networks: Sequence[Network]) -> bool:
    end = _embedded_ipv4(address)
    if any(end in network for network in NEVER):
        return False
    if _permitted(address, networks):
        return True
    unicast = isinstance(end, IPv4Address) or end in UNICAST6
    return unicast and end.is_global and not any(end in network for network in SPECIAL)


def _permitted(address: Address, networks: Sequence[Network]) -> bool:
    return any(_embedded_ipv4(address) in network for network in networks)


def _embedded_ipv4(address: Address) -> Address:
    """Return the IPv4 address that a mapped (RFC 4291, 2.5.5.2) or NAT64 address leads to."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address
