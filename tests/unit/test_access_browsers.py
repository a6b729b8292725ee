"""Which requests an open server takes for its own page's, a program's, or another site's."""

from __future__ import annotations

import pytest

from psd.access.browsers import KNOWN_MAX, OwnNames, host_name
from psd.config import AccessSettings, ServerSettings, Settings
from psd.errors import ForeignPageError
from server.access import own_names

HOST = "localhost:1155"


def names(host: str = "127.0.0.1", *hosts: str, insecure: bool = False) -> OwnNames:
    access = AccessSettings(insecure=insecure, hosts=hosts)
    return own_names(Settings(server=ServerSettings(host=host), access=access))


def is_answered(
    own: OwnNames,
    host: str | None = HOST,
    origin: str | None = None,
    site: str | None = None,
    *,
    followed: bool = False,
) -> bool:
    try:
        own.check(host, origin, site, followed=followed)
    except ForeignPageError:
        return False
    return True


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST:80", "localhost.:1155", "127.0.0.1", "127.0.0.1:1155"),
        *("127.9.9.9:1", "[::1]", "[::1]:1155", "[::ffff:127.0.0.1]:1155", None),
    ],
)
def test_names_of_this_machine_are_answered(host: str | None) -> None:
    assert is_answered(names(), host)


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:1155", "localhost.evil.example", "127.0.0.1.nip.io"),
        *("0.0.0.0:1155", "10.0.0.1", "[::]:1155", "[fe80::1]", "", ":1155", "127.1", "2130706433"),
        *("localhost:1155@evil.example", "evil.example#localhost", "[::1", "[evil]:1155"),
    ],
)
def test_another_name_is_refused_as_one_that_was_made_to_resolve_here(host: str) -> None:
    own = names()
    assert [is_answered(own, host) for _ in range(2)] == [False, False]


def test_names_of_the_settings_are_answered() -> None:
    own = names("127.0.0.1", "psd.internal", "Metrics.")
    assert is_answered(own, "PSD.internal:1155")
    assert is_answered(own, "metrics")
    assert not is_answered(own, "psd.internal.evil.example")


def test_a_server_that_is_open_to_others_takes_any_name_until_some_are_told() -> None:
    assert is_answered(names("0.0.0.0", insecure=True), "anything")
    told = names("0.0.0.0", "psd", insecure=True)
    assert [is_answered(told, host) for host in ("psd:1155", "anything")] == [True, False]


@pytest.mark.parametrize(
    ("origin", "answered"),
    [
        ("http://localhost:1155", True),
        ("https://LOCALHOST:1155", True),
        ("", True),
        ("http://localhost:3000", False),
        ("http://localhost", False),
        ("http://127.0.0.1:1155", False),
        ("http://evil.example", False),
        ("http://evil.example/localhost:1155", False),
        ("null", False),
        ("localhost:1155", False),
    ],
)
def test_an_origin_is_the_host_that_was_asked_or_refused(origin: str, answered: bool) -> None:
    assert is_answered(names(), origin=origin) == answered
    assert is_answered(names("0.0.0.0", insecure=True), origin=origin) == answered


@pytest.mark.parametrize(
    ("site", "answered"),
    [("same-origin", True), ("none", True), ("cross-site", False), ("same-site", False)],
)
def test_what_a_browser_says_of_the_page_counts(site: str, answered: bool) -> None:
    assert is_answered(names(), site=site) == answered
    assert is_answered(names(), site=site, followed=True), "a link may stand anywhere"


def test_hosts_that_were_seen_fill_no_memory() -> None:
    own = names("0.0.0.0", insecure=True)
    assert all(is_answered(own, f"host-{number}") for number in range(3 * KNOWN_MAX))
    assert len(own._known) == KNOWN_MAX


def test_a_host_is_read_without_port_brackets_and_dot() -> None:
    assert [host_name(text) for text in ("A.:1", "[::1]:1", "a")] == ["a", "::1", "a"]
