"""One reader of network addresses, and one way to write them: an IPv6 host stands in brackets.

>>> read_address("[::1]:4150", "queue.nsqd_addresses")
Address(host='::1', port=4150)
>>> str(Address("::1", 4150)), str(Address("10.0.0.1", 4150))
('[::1]:4150', '10.0.0.1:4150')
>>> read_address("::1", "queue.nsqd_addresses")
ConfigError: queue.nsqd_addresses = '::1': an IPv6 address stands in brackets, and a port behind
them, as in [::1]:4150

Without brackets nobody can tell where the address ends: ``::1:4150`` is one, too.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from psd.errors import ConfigError
from psd.secrets import masked

PORTS = range(1, 65_536)

_NAME = re.compile(r"[^\s\[\]/@?#:,]+")
"""A host's name or IPv4 address: what it may hold is the business of whoever looks it up."""


class Address(NamedTuple):
    """Where something listens; ``host`` has no brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{bracketed(self.host)}:{self.port}"


def bracketed(host: str) -> str:
    """The host as it stands before a port, or in a URL."""
    return f"[{host}]" if ":" in host else host


def read_address(text: str, what: str, port_example: int = 4150) -> Address:
    """``host:port`` or ``[IPv6]:port``; raises ConfigError, which names ``what`` it is.

    ``port_example`` stands in the sentence about brackets.
    """
    host, port = cut_address(text, what, port_example)
    if port not in PORTS:
        raise ConfigError(f"{what} = {_shown(text)}: {port} is no port from 1 to 65535")
    return Address(host, port)


def cut_address(text: str, what: str, port_example: int = 4150) -> Address:
    """The same with a port of any size: what nsqlookupd passes on may be one that nobody has."""
    found = re.fullmatch(r"\[(?P<v6>[^\[\]]*)\]:(?P<port6>[0-9]+)|(?P<host>.*):(?P<port>.*)", text)
    if found is None:
        raise ConfigError(
            f"{what}: {_shown(text)} must be host:port, as in 127.0.0.1:{port_example}"
        )
    port_text = found["port6"] or found["port"]
    if found["host"] is not None and ":" in found["host"]:
        raise ConfigError(
            f"{what} = {_shown(text)}: an IPv6 address stands in brackets, and a port behind them, "
            f"as in [::1]:{port_example}"
        )
    host = found["v6"] if found["host"] is None else found["host"]
    if not (is_ipv6(host) if found["host"] is None else _NAME.fullmatch(host)):
        raise ConfigError(
            f"{what} = {_shown(text)}: {_shown(text, host)} is no host; it must be host:port"
        )
    if not re.fullmatch(r"[0-9]{1,9}", port_text):
        raise ConfigError(
            f"{what} = {_shown(text)}: {_shown(text, port_text)} is no port from 1 to 65535"
        )
    return Address(host, int(port_text))


def read_host(text: str, what: str) -> str:
    """A host to listen on, without a port: brackets around an IPv6 address are taken off.

    Raises ConfigError. Empty is every address of this machine.
    """
    host = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if host == "" or is_ipv6(host) or (host == text and _NAME.fullmatch(host)):
        return host
    raise ConfigError(f"{what} = {text!r}: must be a host alone; its port is a setting of its own")


def check_http_address(text: str, what: str, port_example: int) -> None:
    """Raise ConfigError unless it is ``host:port``, as above, or an http(s) URL.

    The URL names nobody: what is asked there is asked without a user and a password.
    """
    if "://" not in text:
        read_address(text, what, port_example)
        return
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url:
        raise ConfigError(
            f"{what} = {_shown(text)}: must be host:port or http(s)://host:port; an IPv6 address "
            f"stands in brackets, as in [::1]:{port_example}"
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigError(
            f"{what} = {_shown(text)}: must end with the port or a path, and psd sends no user and "
            "no password there"
        )


def _shown(text: str, part: str | None = None) -> str:
    """An address that is none, or a part of it; nothing that may be a password."""
    told = masked(text)
    return repr(told if part is None or told != text else part)


def is_ipv6(host: str) -> bool:
    """Whether the text is an IPv6 address; ``fe80::1%eth0`` is one."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).version == 6
    except ValueError:
        return False
