import ipaddress
import socket
import threading

import pytest

from fishermask_backend.errors import ImageUnavailable
from fishermask_backend.images.addresses import AddressGuard, HostRule, is_public

OWN = ("label-studio", 8080)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",  # cloud machines' metadata
        "100.64.0.1",  # carrier-grade NAT
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
        "2002:7f00:1::",  # 6to4 of 127.0.0.1
        "::7f00:1",  # the old IPv4-compatible form
    ],
)
def test_these_addresses_are_not_public(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"],
)
def test_these_addresses_are_public(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("127.0.0.1", 80),
        ("localhost", 80),
        ("2130706433", 80),  # forms of 127.0.0.1 that a resolver takes
        ("0x7f000001", 80),
        ("127.1", 80),
        ("::1", 80),
        ("::ffff:127.0.0.1", 80),
    ],
)
def test_every_spelling_of_loopback_is_refused(host, port):
    with pytest.raises(ImageUnavailable, match=r"not a public one; add .* ALLOWED_IMAGE_HOSTS"):
        AddressGuard(OWN, []).addresses(host, port, timeout=5)


@pytest.mark.parametrize(
    ("entry", "host", "port", "allowed"),
    [
        ("127.0.0.1", "127.0.0.1", 9000, True),
        ("127.0.0.1:9000", "127.0.0.1", 9000, True),
        ("127.0.0.1:9000", "127.0.0.1", 9001, False),
        ("127.0.0.0/8", "localhost", 9000, True),
        ("127.0.0.0/8:9000", "localhost", 9001, False),
        ("10.0.0.0/8", "127.0.0.1", 9000, False),
        ("LocalHost", "localhost", 1, True),
        ("localhost:2", "localhost", 1, False),
        ("localhost", "127.0.0.1", 1, False),
        ("[::1]:9000", "::1", 9000, True),
        ("::1", "::1", 9000, True),
    ],
)
def test_listed_hosts_ports_and_networks(entry, host, port, allowed):
    guard = AddressGuard(OWN, [entry])
    if allowed:
        assert guard.addresses(host, port, timeout=5)
    else:
        with pytest.raises(ImageUnavailable):
            guard.addresses(host, port, timeout=5)


def test_label_studio_itself_may_be_private_on_its_own_port_only():
    guard = AddressGuard(("localhost", 8080), [])
    assert guard.addresses("localhost", 8080, timeout=5)
    with pytest.raises(ImageUnavailable):
        guard.addresses("localhost", 8081, timeout=5)


def test_one_private_address_among_public_ones_refuses_the_name(monkeypatch):
    answer = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 80)) for a in ("93.184.216.34", "10.0.0.7")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
    with pytest.raises(ImageUnavailable, match=r"10\.0\.0\.7"):
        AddressGuard(OWN, []).addresses("mixed.example", 80, timeout=5)


def test_a_name_server_that_never_answers_costs_the_given_time_only(monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait() and [])
    with pytest.raises(OSError, match=r"slow\.example was not resolved in time"):
        AddressGuard(OWN, []).addresses("slow.example", 80, timeout=0.05)
    over.set()


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example"])
def test_an_impossible_name_is_an_ordinary_failure(host):
    with pytest.raises(OSError):
        AddressGuard(OWN, []).addresses(host, 80, timeout=5)


def test_behind_a_proxy_the_list_of_names_decides():
    guard = AddressGuard(OWN, ["cdn.example", "*.buckets.example", "10.0.0.0/8"])
    for host in ("label-studio", "cdn.example", "a.buckets.example", "10.9.8.7"):
        guard.check_name(host, 8080)
    for host in ("buckets.example", "evilbuckets.example", "localhost", "other.example"):
        with pytest.raises(ImageUnavailable, match="HTTP proxy"):
            guard.check_name(host, 8080)


@pytest.mark.parametrize("entry", ["http://minio:9000", "a b", "", "10.0.0.0/33", "*", "host/path"])
def test_entries_that_are_no_host_are_refused(entry):
    with pytest.raises(ValueError, match="is not a host"):
        HostRule.parse(entry)
