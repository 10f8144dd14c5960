"""Webhooks lead to public addresses and into permitted networks, however the rest are spelt."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from docgen.errors import NotAllowed, SettingWrong
from docgen.settings import load_settings
from docgen.webhooks.address import public_addresses
from tests.listener import Listener
from tests.webhooks import answering

ELSEWHERE = (ip_network("172.31.254.0/30"),)

needs_sockets = pytest.mark.enable_socket


def refused(url: str, *addresses: str) -> NotAllowed:
    with pytest.raises(NotAllowed) as caught:
        public_addresses(url, resolve=answering(*(addresses or ("8.8.8.8",))))
    error = caught.value
    assert error.code == "webhook_address_refused"
    assert error.message("zh")
    assert error.hint("zh")
    assert error.hint("en")
    return error


def test_a_public_address() -> None:
    target = public_addresses(
        "HTTPS://Hooks.Example.COM/a/b?c=%20d", resolve=answering("8.8.8.8", "2606:4700::1111")
    )
    assert (target.scheme, target.host, target.port) == ("https", "hooks.example.com", 443)
    assert target.path == "/a/b?c=%20d"
    assert [*map(str, target.addresses)] == ["8.8.8.8", "2606:4700::1111"]


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("https://a.example", "a.example", "/"),
        ("https://a.example?x=1", "a.example", "/?x=1"),
        ("https://a.example:443/", "a.example", "/"),
        ("https://a.example:8443//b", "a.example:8443", "//b"),
        ("https://xn--fiqs8s.example/", "xn--fiqs8s.example", "/"),
        ("https://8.8.8.8/", "8.8.8.8", "/"),
        ("https://[2606:4700:0::1111]:1/", "[2606:4700::1111]:1", "/"),
    ],
)
def test_what_the_host_header_and_the_request_line_say(url: str, authority: str, path: str) -> None:
    target = public_addresses(url, resolve=answering("8.8.8.8"))
    assert (target.authority, target.path) == (authority, path)


FORMS = [
    ("http://a.example/", "https"),
    ("ftp://a.example/", "https"),
    ("file:///etc/passwd", "https"),
    ("javascript:alert(1)", "valid URL"),
    ("", "valid URL"),
    ("a.example", "valid URL"),
    ("//a.example/", "valid URL"),
    (" https://a.example/", "valid URL"),
    ("https://a.example/\n", "valid URL"),
    ("https://a.example/\r\nHost: b", "valid URL"),
    ("https://a.example/ b", "valid URL"),
    ("https://a.example/路", "valid URL"),
    ("https://a.example\\@b.example/", "user name"),
    ("https://a.example\\.b.example/", "host"),
    ("https://a.example/" + "b" * 2000, "valid URL"),
    ("https://me:word@a.example/", "user name"),
    ("https://@a.example/", "user name"),
    ("https://a.example/#b", "fragment"),
    ("https://a.example#", "fragment"),
    ("https://a.example:0/", "port"),
    ("https://a.example:65536/", "port"),
    ("https://a.example:/", "port"),
    ("https://a.example:000443/", "port"),
    ("https://a.example:44x/", "host"),
    ("https://a.example:-1/", "host"),
    ("https:///b", "host"),
    ("https://a.example./", "host"),
    ("https://.a.example/", "host"),
    ("https://a..example/", "host"),
    ("https://-a.example/", "host"),
    ("https://a_b.example/", "host"),
    ("https://中国.example/", "host"),
    ("https://ⓔxample.com/", "host"),
    ("https://%61.example/", "host"),
    ("https://" + "a" * 64 + ".example/", "host"),
    ("https://" + "a." * 127 + "example/", "host"),
    ("https://[fe80::1%25eth0]/", "host"),
    ("https://[8.8.8.8]/", "host"),
    ("https://[::1/", "host"),
    ("https://::1/", "host"),
]


@pytest.mark.parametrize(("url", "word"), FORMS, ids=range(len(FORMS)))
def test_addresses_of_a_wrong_form(url: str, word: str) -> None:
    assert word in refused(url).message("en")


def test_a_refusal_shows_no_password() -> None:
    shown = refused("https://me:word@a.example/?token=abc").as_json()
    assert "word" not in str(shown).replace("password", "")
    assert "abc" not in str(shown)


def words(text: str) -> list[str]:
    return text.split()


SPELLINGS = words("""
    127.0.0.1 127.0.0.1. 127.1 127.0.1 0177.0.0.1 0x7f.0.0.1 0x7f000001 2130706433 017700000001
    127.0.0.01 127.000.000.001 0 0.0.0.0 00 0x 127.0.0.0x1 1.2.3.4.5 256.1.1.1 127.255.255.254
    １２７.0.0.1 127。0。0。1 ①②⑦.0.0.1 %31%32%37.0.0.1 127.0.0.1%00.example
    localhost localhost. LOCALHOST
    [::1] [::] [0:0:0:0:0:0:0:1] [::127.0.0.1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::FFFF:7F00:1]
    [::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b:1::7f00:1]
    [2002:7f00:1::] [2002:7f00:0001::1] [2001:0:7f00:1::1] [fe80::1] [fec0::1] [fc00::1]
    [ff02::1] [ff0e::1] [100::1] [2001:10::1] [2001:db8::1] [3fff::1] [4000::1] [5f00::1]
    169.254.169.254 0xa9fea9fe 2852039166 0251.0376.0251.0376 [::ffff:169.254.169.254]
    [64:ff9b::a9fe:a9fe] [2002:a9fe:a9fe::] [fd00:ec2::254] 100.100.100.200
    10.0.0.1 100.64.0.1 172.16.0.1 172.31.255.255 192.168.0.1 192.0.0.9 192.0.2.1 192.88.99.1
    198.18.0.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
""")


@needs_sockets
def test_no_spelling_of_an_inner_address_is_reached() -> None:
    """Asked of the system's own resolver, with a canary behind each one that leads here."""
    with Listener() as canary:
        for host, scheme in itertools.product(SPELLINGS, ("https", "http")):
            with pytest.raises(NotAllowed) as caught:
                public_addresses(f"{scheme}://{host}:{canary.port}/", networks=ELSEWHERE)
            assert caught.value.code == "webhook_address_refused", host
        assert canary.callers == 0


INNER_ANSWERS = [
    spelling.strip("[]")
    for spelling in SPELLINGS
    if spelling.startswith("[") or spelling in {"127.0.0.1", "10.0.0.1", "169.254.169.254"}
]


@pytest.mark.parametrize("address", [*INNER_ANSWERS, "fe80::1%1"])
def test_a_name_may_not_lead_inside_not_even_with_one_of_its_addresses(address: str) -> None:
    assert refused("https://a.example/", address).value == "a.example"
    refused("https://a.example/", "8.8.8.8", address)
    refused("https://a.example/", address, "8.8.8.8")
    error = refused("https://a.example/", address)
    assert address not in str(error.as_json())


@pytest.mark.parametrize("address", ["::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_a_public_address_behind_a_translation_is_public(address: str) -> None:
    target = public_addresses("https://a.example/", resolve=answering(address))
    assert target.addresses == (ip_address(address),)


def test_a_name_without_address_is_unknown_not_refused() -> None:
    def silent(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    for resolve in (silent, answering()):
        with pytest.raises(NotAllowed) as caught:
            public_addresses("https://a.example/", resolve=resolve)
        assert caught.value.code == "webhook_host_unknown"
        assert caught.value.hint("zh")


def test_an_operator_may_open_inner_networks_but_not_all() -> None:
    lan = (ip_network("10.1.0.0/16"), ip_network("fd12::/16"))
    inside = answering("10.1.2.3", "fd12::1", "::ffff:10.1.2.3")
    assert len(public_addresses("https://wiki/", networks=lan, resolve=inside).addresses) == 3
    assert public_addresses("https://10.1.2.3/", networks=lan).host == "10.1.2.3"
    for url in ("https://10.2.0.1/", "https://127.0.0.1/", "https://[fd13::1]/"):
        with pytest.raises(NotAllowed):
            public_addresses(url, networks=lan)
    everything = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    for host in (
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "100.100.100.200",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "0.0.0.1",
        "224.0.0.1",
        "[ff02::1]",
    ):
        with pytest.raises(NotAllowed):
            public_addresses(f"https://{host}/", networks=everything)


def test_http_is_for_permitted_networks_only() -> None:
    lan = (ip_network("10.1.0.0/16"),)
    url = "http://wiki/"
    assert public_addresses(url, networks=lan, resolve=answering("10.1.2.3")).port == 80
    for found in (("8.8.8.8",), ("10.1.2.3", "8.8.8.8"), ("10.2.0.1",)):
        with pytest.raises(NotAllowed) as caught:
            public_addresses(url, networks=lan, resolve=answering(*found))
        assert caught.value.code == "webhook_address_refused"


@settings(deadline=None)
@given(st.text())
@example("https://[::1]:99999/")
@example("https://1.1.1.1:²/")
def test_any_text_is_a_public_target_or_refused(text: str) -> None:
    for url in (text, f"https://{text}", f"https://a.example{text}"):
        try:
            target = public_addresses(url, resolve=answering("8.8.8.8"))
        except NotAllowed:
            continue
        assert all(address.is_global for address in target.addresses)
        assert f"{target.host}{target.path}".isprintable()
        assert f"{target.host}{target.path}".isascii()


@given(st.ip_addresses())
def test_only_global_addresses_pass(address: object) -> None:
    try:
        target = public_addresses("https://a.example/", resolve=answering(str(address)))
    except NotAllowed:
        return
    assert target.addresses[0].is_global


def test_an_operator_lists_networks_in_a_setting() -> None:
    given = load_settings({"DOCGEN_WEBHOOK_NETWORKS": "10.1.0.0/16, fd12::/16,"})
    assert given.webhook_networks == (ip_network("10.1.0.0/16"), ip_network("fd12::/16"))
    assert load_settings({"DOCGEN_WEBHOOK_NETWORKS": ""}).webhook_networks == ()
    for text in ("10.1.0.1/16", "intranet", "10.1.0.0/16;10.2.0.0/16"):
        with pytest.raises(SettingWrong):
            load_settings({"DOCGEN_WEBHOOK_NETWORKS": text})
