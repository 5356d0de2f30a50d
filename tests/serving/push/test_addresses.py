"""Where messages may go: every disguise of an inner address that we know of, and names that change their mind."""

import asyncio
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.push.addresses import RefusedURLError, checked_url, is_public, resolve, target

INNER = [
    "0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "168.63.129.16",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.2.1", "192.168.1.1", "198.18.0.1", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::",
]  # fmt: skip
OUTER = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.32.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"]


def names(**known: list[str]):
    async def answer(host: str, port: int) -> list[str]:
        if host not in known:
            raise OSError("no such name")
        return known[host]

    return answer


def where(url: str, *, private: bool = False, **known: list[str]):
    return asyncio.run(target(url, names(**known), private=private))


@pytest.mark.parametrize("address", INNER)
def test_inner_addresses_are_refused_whatever_they_look_like(address: str):
    assert not is_public(address)
    with pytest.raises(RefusedURLError, match="not a public address"):
        where("https://crm/hook", crm=[address])
    assert where("https://crm/hook", private=True, crm=[address]).addresses == (address,)


@pytest.mark.parametrize("address", OUTER)
def test_public_addresses_are_allowed(address: str):
    assert where("https://crm/hook", crm=[address]).addresses == (address,)


def test_one_inner_address_among_outer_ones_is_enough():
    with pytest.raises(RefusedURLError, match=r"10\.0\.0\.1"):
        where("https://crm/hook", crm=["1.1.1.1", "10.0.0.1"])


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_what_is_refused_as_ipv4_is_refused_inside_ipv6(inner: IPv4Address):
    for whole in (0xFFFF << 32 | int(inner), (0x64FF9B << 96) | int(inner), (0x2002 << 112) | (int(inner) << 80)):
        assert is_public(str(IPv6Address(whole))) == is_public(str(inner))


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_nothing_is_public_that_the_standard_library_calls_private(address: IPv4Address):
    there = ip_address(address)
    if there.is_private or there.is_loopback or there.is_link_local or there.is_multicast or there.is_reserved:
        assert not is_public(str(address))


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "localhost", "[::1]", "0"])
def test_numbers_in_disguise_are_judged_by_where_they_lead(host: str):
    """The real resolver of this machine; some of these it does not read at all, which is as good."""
    with pytest.raises((RefusedURLError, OSError)):
        asyncio.run(target(f"http://{host}:8080/hook", resolve, private=False))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://crm.example/x", "must begin with https"),
        ("file:///etc/passwd", "must begin with https"),
        ("//crm.example", "must begin with https"),
        ("crm.example/hook", "must begin with https"),
        ("https://", "must begin with https"),
        ("https://user:word@crm.example/", "user or password"),
        ("https://user@crm.example/", "user or password"),
        ("https://crm.example:99999/", "1 to 65535"),
        ("https://[::1/", "cannot be read"),
        ("https://crm.example/a b", "without blanks"),
        ("https://crm.example/\x00", "cannot be read"),
        ("https://crm.example/" + "x" * 3000, "at most 2,000"),
    ],
)
def test_what_is_no_url_for_messages(url: str, why: str):
    with pytest.raises(RefusedURLError, match=why):
        checked_url(url)


def test_the_address_takes_the_names_place_and_the_name_travels_along():
    found = where("https://crm:8443/a/b?c=d", crm=["1.1.1.1", "2606:4700::1"])
    assert found.host == "crm:8443"
    assert str(found.at("1.1.1.1")) == "https://1.1.1.1:8443/a/b?c=d"
    assert str(found.at("2606:4700::1")) == "https://[2606:4700::1]:8443/a/b?c=d"


def test_a_name_that_leads_nowhere_is_an_error_of_the_network():
    with pytest.raises(OSError, match="no such name"):
        where("https://gone/hook")
    with pytest.raises(OSError, match="no address"):
        where("https://crm/hook", crm=[])
