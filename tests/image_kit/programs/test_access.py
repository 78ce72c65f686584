"""Which requests name this machine, and which pages may ask."""

import socket

import pytest

from image_kit.programs.access import is_from_own_page, is_loopback, is_own_name


@pytest.mark.parametrize(
    ("header", "at_home", "in_network"),
    [
        ("localhost:8000", True, True),
        ("app.localhost", True, True),
        ("127.0.0.1", True, True),
        ("127.9.9.9:1", True, True),
        ("[::1]:8000", True, True),
        ("192.168.0.9:8000", False, True),
        ("[fe80::1]", False, True),
        (socket.gethostname(), False, True),
        ("nas.home:8000", False, True),
        ("localhost.evil.example", False, False),
        ("evil.example:8000", False, False),
        ("127.0.0.1.evil.example", False, False),
        ("evil.example@localhost", True, True),  # no browser sends it; the name in it is localhost
        ("localhost@evil.example", False, False),
        ("", False, False),
        ("[::1", False, False),
    ],
)
def test_names_in_the_host_header(header, at_home, in_network):
    assert is_own_name(header, "127.0.0.1") is is_own_name(header, "localhost") is at_home
    assert is_own_name(header, "nas.home") is in_network


def test_loopback():
    assert [host for host in ("localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "nas") if is_loopback(host)] == [
        *("localhost", "127.0.0.1", "::1")
    ]


@pytest.mark.parametrize(
    ("origin", "fetch_site", "allowed"),
    [
        (None, None, True),
        (None, "same-origin", True),
        (None, "none", True),
        (None, "cross-site", False),
        (None, "same-site", False),
        ("http://localhost:8000", "same-origin", True),
        ("https://LOCALHOST:8000", None, True),
        ("http://localhost:3000", "same-site", False),
        ("http://evil.example", None, False),
        ("null", None, False),
        ("", None, False),
    ],
)
def test_pages_that_may_ask(origin, fetch_site, allowed):
    assert is_from_own_page(origin, fetch_site, "localhost:8000") is allowed
