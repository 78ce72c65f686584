"""Who may ask the server: requests that name this machine, and pages that it sent itself.

A page from the internet can make its own name mean 127.0.0.1 (DNS rebinding), and can send a form to any address
(cross-site request). The browser then says so in the headers Host and Origin, which a page cannot forge.
"""

import ipaddress
import socket
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether a name or address means this machine only."""
    address = _address_of(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def is_own_name(header: str, listening_at: str) -> bool:
    """Whether a Host header names this machine.

    Args:
        header: such as "localhost:8000", "[::1]:8000".
        listening_at: the name or address of --host. Beyond loopback, any address counts: a page needs a name to
            rebind, and a machine may be reached at addresses that it does not know.
    """
    host = _host_of(header)
    if is_loopback(host) or host.endswith(".localhost"):
        return True
    if is_loopback(listening_at):
        return False
    own = socket.gethostname().lower()
    return _address_of(host) is not None or host in (listening_at.lower(), own, f"{own.partition('.')[0]}.local")


def is_from_own_page(origin: str | None, fetch_site: str | None, host: str) -> bool:
    """Whether a request comes from a page of this server, or from no page at all.

    Args:
        origin: the header Origin, which browsers send with every POST; None without it.
        fetch_site: the header Sec-Fetch-Site, likewise.
        host: the header Host.
    """
    if origin is not None:
        try:
            return urlsplit(origin).netloc.lower() == host.lower()
        except ValueError:  # brackets that do not match
            return False
    return fetch_site in (None, "same-origin", "none")


def _host_of(header: str) -> str:
    try:
        return (urlsplit(f"//{header}").hostname or "").lower()
    except ValueError:  # brackets that do not match
        return ""


def _address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
