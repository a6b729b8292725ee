"""One reader of network addresses: what it takes, what it refuses, and with which hint."""

from __future__ import annotations

import pytest

from psd.addresses import Address, check_http_address, read_address, read_host
from psd.config_sources import load_settings
from psd.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:4150", Address("127.0.0.1", 4150)),
        ("nsqd.example:1", Address("nsqd.example", 1)),
        ("[::1]:65535", Address("::1", 65_535)),
        ("[fe80::1%eth0]:4150", Address("fe80::1%eth0", 4150)),
    ],
)
def test_an_address_is_read_and_written_the_same(text: str, address: Address) -> None:
    assert read_address(text, "x") == address
    assert str(address) == text


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "must be host:port"),
        ("localhost", "must be host:port"),
        (":4150", "'' is no host"),
        ("::1", r"stands in brackets.* \[::1\]:4150"),
        ("::1:4150", "stands in brackets"),
        ("2001:db8::7:4150", "stands in brackets"),
        ("[::1]", "stands in brackets"),
        ("[::1:4150", "stands in brackets"),
        ("[localhost]:4150", "'localhost' is no host"),
        ("[]:4150", "'' is no host"),
        ("a b:4150", "'a b' is no host"),
        ("http://a:4150", "stands in brackets|is no host"),
        ("a/b:4150", "'a/b' is no host"),
        ("a:0", "0 is no port from 1 to 65535"),
        ("a:65536", "65536 is no port"),
        ("a:x", "'x' is no port"),
        ("a:-1", "'-1' is no port"),
        ("a:\u0664", "is no port"),
        ("[::1]:99999999", "is no port"),
    ],
)
def test_what_is_no_address_is_refused_with_the_rule(text: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        read_address(text, "queue.nsqd_addresses")


def test_a_host_to_listen_on_has_no_port_and_needs_no_brackets() -> None:
    for text in ("::1", "0.0.0.0", "", "a.example"):
        assert read_host(text, "server.host") == text
    assert read_host("[::1]", "server.host") == "::1"
    for text in ("127.0.0.1:1155", "[::1]:1155", "[a]", "::1]", "a b", "http://a"):
        with pytest.raises(ConfigError, match=r"server.host = .*a host alone"):
            read_host(text, "server.host")


def test_an_http_address_may_be_a_url() -> None:
    for text in ("127.0.0.1:4161", "[::1]:4161", "http://[::1]:4161", "https://a.example/x"):
        check_http_address(text, "x", 4161)
    for text in ("::1:4161", "http://::1:4161", "ftp://a:1", "http://:4161", "http://a:x"):
        with pytest.raises(ConfigError, match="brackets"):
            check_http_address(text, "x", 4161)


@pytest.mark.parametrize(
    "key",
    [
        "queue.nsqd_addresses",
        "queue.lookupd_addresses",
        "queue.nsqd_http_addresses",
        "rewards.devices_address",
        "rewards.definitions_address",
    ],
)
def test_every_setting_that_is_an_address_is_read_when_psd_starts(key: str) -> None:
    load_settings(flags={key: "[::1]:4150"})
    for text in ("::1:4150", "127.0.0.1", "a:b"):
        with pytest.raises(ConfigError, match=key):
            load_settings(flags={key: text})


def test_the_hosts_of_the_settings_are_without_brackets() -> None:
    read = load_settings(flags={"server.host": "[::1]", "rewards.grpc_host": "[::]"}).settings
    assert (read.server.host, read.section("rewards").grpc_host) == ("::1", "::")
    with pytest.raises(ConfigError, match=r"rewards.grpc_host = '\[::1\]:1156'"):
        load_settings(flags={"rewards.grpc_host": "[::1]:1156"})
