"""Where a webhook may go: by https to a host on the public Internet, or into permitted networks.

Decides on the addresses a name has now and hands exactly these on; opens no connection.
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

MOST_CHARACTERS = 2000
PORTS = {"https": 443, "http": 80}

# No operator's list opens these: this host, groups, neighbours, and where clouds keep credentials.
NEVER = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "100.100.100.200/32",
            "169.254.0.0/16",
            "224.0.0.0/4",
            "255.255.255.255/32",
            "::/128",
            "fd00:ec2::254/128",
            "fe80::/10",
            "ff00::/8",
        ),
    )
)
# IANA's special-purpose registries, as far as `is_global` takes them for public ones.
SPECIAL = tuple(
    map(
        ip_network,
        ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20"),
    )
)
UNICAST6 = IPv6Network("2000::/3")  # all that IANA has given out
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
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

_REASONS = {
    "form": ("回调地址不是合法的网址", "The webhook's address is no valid URL"),
    "scheme": ("回调地址必须以 https:// 开头", "The webhook's address must begin with https://"),
    "userinfo": (
        "回调地址不能含用户名或密码",
        "The webhook's address may hold no user name or password",
    ),
    "fragment": ("回调地址不能含 # 片段", "The webhook's address may hold no fragment (#)"),
    "port": ("回调地址的端口不在 1–65535 之内", "The webhook's port is not within 1 to 65535"),
    "host": ("回调地址的主机名不规范", "The webhook's host is not spelt as it should be"),
    "inner": ("回调地址指向内部网络", "The webhook's address leads to an inner network"),
}
_HINT = (
    "请填写公网 https 地址；确需内网接收方时，由运维人员设置 DOCGEN_WEBHOOK_NETWORKS。",
    "Give a public https address; an operator may open inner ones by DOCGEN_WEBHOOK_NETWORKS.",
)
_HOST_HINT = (
    "主机名用 ASCII 字母、数字、连字符（国际化域名写成 xn--），末尾不加点；IPv4 用四段十进制。",
    "Use ASCII letters, digits, hyphens (xn-- names), no final dot; four decimal parts for IPv4.",
)


@dataclass(frozen=True)
class Target:
    """An address that was looked up once and allowed; what is sent goes to `addresses` only."""

    scheme: Literal["https", "http"]
    host: str  # lower case, IPv6 without brackets: what the certificate must name
    port: int
    path: str  # with the query
    addresses: tuple[Address, ...]

    @property
    def authority(self) -> str:
        """Return host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def system_addresses(host: str, port: int) -> list[str]:
    """Return what the system's resolver says, best first; OSError when it says nothing."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def public_addresses(
    url: str,
    *,
    networks: Sequence[Network] = (),
    resolve: Resolve = system_addresses,
) -> Target:
    """Return where `url` leads, asking `resolve` at most once; all its addresses must be public.

    Addresses within `networks` pass too (never link-local, multicast or cloud metadata ones), and
    for these alone http will do.
    Raises NotAllowed: webhook_address_refused; webhook_host_unknown when the name has no address.
    """
    scheme, authority, path = _split(url)
    if scheme != "https" and not (networks and scheme == "http"):
        raise _inadmissible("scheme", scheme)
    host, port = _host_and_port(authority, PORTS[scheme])
    addresses = (_literal(host),) if _is_number(host) else _looked_up(host, port, resolve)
    if not all(_allowed(address, networks) for address in addresses):
        raise _inadmissible("inner", host)
    if scheme == "http" and not all(_permitted(address, networks) for address in addresses):
        raise _inadmissible("scheme", scheme)
    return Target("https" if scheme == "https" else "http", host, port, path, addresses)


def _split(url: str) -> tuple[str, str, str]:
    """Return scheme, authority, path with query; no value is shown, a URL may hold secrets."""
    if "#" in url:
        raise _inadmissible("fragment")
    parts = _URL.fullmatch(url)
    if parts is None or len(url) > MOST_CHARACTERS:
        raise _inadmissible("form")
    if "@" in parts["authority"]:
        raise _inadmissible("userinfo")
    return parts["scheme"].lower(), parts["authority"], (parts["path"] or "/") + parts["query"]


def _host_and_port(authority: str, usual: int) -> tuple[str, int]:
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise _inadmissible("host")
    digits = parts["port"] if parts["port"] is not None else str(usual)
    if not 0 < len(digits) <= 5 or not 0 < int(digits) <= 65535:
        raise _inadmissible("port", digits[:20])
    if parts["six"]:
        return str(_literal(parts["six"], IPv6Address)), int(digits)
    host = parts["name"].lower()
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _inadmissible("host", host[:253])
    return host, int(digits)


def _is_number(host: str) -> bool:
    """Return whether a system might read the host as an address instead of a name."""
    return ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2]) is not None


def _literal(host: str, read: Callable[[str], Address] = ip_address) -> Address:
    """Return the address, of the one usual spelling: no octal, hexadecimal or short forms."""
    try:
        return read(host)
    except ValueError as wrong:
        raise _inadmissible("host", host[:253]) from wrong


def _looked_up(host: str, port: int, resolve: Resolve) -> tuple[Address, ...]:
    try:
        found = tuple(dict.fromkeys(ip_address(text) for text in resolve(host, port)))
    except OSError as wrong:
        raise _unknown(host) from wrong
    if not found:
        raise _unknown(host)
    return found


def _allowed(address: Address, networks: Sequence[Network]) -> bool:
    end = _reached(address)
    if any(end in network for network in NEVER):
        return False
    return _is_public(end) or _permitted(address, networks)


def _permitted(address: Address, networks: Sequence[Network]) -> bool:
    return any(_reached(address) in network for network in networks)


def _reached(address: Address) -> Address:
    """Return the IPv4 address that packets to a mapped or NAT64 one come to."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in UNICAST6:
        return False
    return address.is_global and not any(address in network for network in SPECIAL)


def _inadmissible(reason: str, value: str | None = None) -> NotAllowed:
    zh, en = _REASONS[reason]
    hint_zh, hint_en = _HOST_HINT if reason == "host" else _HINT
    return NotAllowed(
        "webhook_address_refused",
        zh,
        en,
        hint_zh=hint_zh,
        hint_en=hint_en,
        place="url",
        value=value,
    )


def _unknown(host: str) -> NotAllowed:
    return NotAllowed(
        "webhook_host_unknown",
        f"查不到主机 {host} 的地址",
        f"The host {host} has no address",
        hint_zh="请检查主机名和本机的域名解析。",
        hint_en="Check the name, and name resolution on this machine.",
        place="url",
        value=host,
    )
