"""Which requests to an open server come from a page of another site. Pure.

Without tokens whoever reaches the port may do everything, and on loopback that is this machine.
But its browser reaches it too, on behalf of any page that is open in it: by address, or by a name
of the page's own that was made to resolve to 127.0.0.1. So an open server answers to its own names
alone, and not to pages of others::

    Host: localhost:1155                                      answered
    Host: evil.example:1155                                   refused: no name of this server
    Host: 127.0.0.1:1155, Origin: http://evil.example         refused: another site
    Host: 127.0.0.1:1155, Sec-Fetch-Site: cross-site          refused: another site
    no Host (HTTP/1.0)                                        answered: no browser sends it so

Where a token is needed none of this is: a page of another site has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from psd.access.exposure import is_loopback_address
from psd.errors import ForeignPageError

OWN_SITE = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site: a page of this server, or whoever typed the address. ``same-site``
is a page on another port of the machine."""

KNOWN_MAX = 64
"""Hosts that were looked at and are remembered: a handful of names, each with its port."""

SHOWN_CHARACTERS = 64

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([\w.-]*))(?::[0-9]*)?", re.ASCII)


class OwnNames:
    """The names of one server; ``names`` None takes any, where nobody knows them."""

    def __init__(self, names: Iterable[str] | None) -> None:
        self._names = None if names is None else {"localhost", *(_plain(name) for name in names)}
        self._known: set[str] = set()

    def check(
        self, host: str | None, origin: str | None, fetch_site: str | None, *, followed: bool
    ) -> None:
        """Refuse a request from elsewhere: raises ForeignPageError.

        ``followed``: somebody went there by a link, which shows the answer to that one alone.
        """
        if host is not None and host not in self._known:
            self._check_host(host)
        if origin and origin.partition("://")[2].lower() != (host or "").lower():
            raise ForeignPageError(
                f"Origin: {_shown(origin)} is another site; an open psd answers its own pages only"
            )
        if fetch_site and not is_own_site(fetch_site) and not followed:
            raise ForeignPageError(
                f"Sec-Fetch-Site: {_shown(fetch_site)}; an open psd answers its own pages only"
            )

    def _check_host(self, host: str) -> None:
        name = host_name(host)
        if self._names is not None and name not in self._names and not is_loopback_address(name):
            raise ForeignPageError(
                f"Host: {_shown(host)} is no name of this server; without tokens it answers to "
                "localhost, 127.0.0.1, [::1] and access.hosts"
            )
        if len(self._known) < KNOWN_MAX:
            self._known.add(host)


def is_own_site(fetch_site: str | None) -> bool:
    """Whether a request comes from a page of this server, from whoever typed it, or no browser."""
    return not fetch_site or fetch_site.lower() in OWN_SITE


def host_name(host: str) -> str:
    """The name in a Host header, without its port, brackets and last dot; empty for what is none.

    >>> host_name("[::1]:1155"), host_name("LocalHost.:80"), host_name("localhost:80@evil")
    ('::1', 'localhost', '')
    """
    found = _HOST.fullmatch(host)
    return _plain(found[1] or found[2]) if found else ""


def _plain(name: str) -> str:
    return name.strip().lower().removesuffix(".")


def _shown(text: str) -> str:
    return repr(text[:SHOWN_CHARACTERS])
