"""Devices that a site finds by itself: one that tells of itself by multicast DNS on loopback."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from click.testing import CliRunner

from psd.charging.sites.site_plugs import SitePlugs
from psd.charging.sources import shelly_discovery
from psd.charging.sources.shelly import shellies
from psd.charging.sources.shelly_discovery import discovering, host_of, is_shelly
from psd.cli.main import psd
from psd.clock import SystemClock
from server.simulation.fake_shelly import FakeShelly
from tests.support.waiting import wait_until

zeroconf = pytest.importorskip("zeroconf")
on_loop = pytest.importorskip("zeroconf.asyncio")

LOOPBACK = ("127.0.0.1",)
GROUP, PORT = "224.0.0.251", 5353


def has_multicast() -> bool:
    """Whether a datagram to the group of mDNS comes back on loopback."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sent,
    ):
        try:
            heard.bind(("", 0))
            own = socket.inet_aton(LOOPBACK[0])
            heard.setsockopt(
                socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + own
            )
            sent.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
            heard.settimeout(5)
            sent.sendto(b"psd", (GROUP, heard.getsockname()[1]))
            return heard.recv(16) == b"psd"
        except OSError:
            return False


@asynccontextmanager
async def telling(service: str, name: str, host: str) -> AsyncIterator[None]:
    """A device at an address tells that it is there."""
    address, _, port = host.partition(":")
    network = on_loop.AsyncZeroconf(interfaces=list(LOOPBACK), ip_version=zeroconf.IPVersion.V4Only)
    info = on_loop.AsyncServiceInfo(
        service, f"{name}.{service}", int(port), addresses=[socket.inet_aton(address)]
    )
    try:
        await (await network.async_register_service(info, allow_name_change=True))
        yield
    finally:
        await network.async_close()


@pytest.mark.skipif(not has_multicast(), reason="loopback carries no multicast here")
async def test_a_device_that_tells_of_itself_is_found_once_and_asked_who_it_is() -> None:
    async with (
        FakeShelly(SystemClock(), mac="AABBCCDDEEFF") as device,
        shellies() as shelly,
    ):
        plugs = SitePlugs([])
        hosts: list[str] = []

        def found(host: str) -> None:
            hosts.append(host)
            plugs.add(shelly(host))

        async with (
            telling("_http._tcp.local.", "printer", "127.0.0.1:9"),
            telling("_shelly._tcp.local.", "shellyplug-aabbccddeeff", device.host),
            telling("_http._tcp.local.", "ShellyPlug-AABBCCDDEEFF", device.host),
            discovering(found, LOOPBACK),
        ):
            await wait_until("a device is found", lambda: device.host in hosts)
        assert hosts == [device.host], "however it tells, and a printer is none"
        assert await plugs.find()
        assert plugs.plugs == ["shelly:AABBCCDDEEFF:0"]


@pytest.mark.parametrize(
    ("service", "name", "expected"),
    [
        ("_shelly._tcp.local.", "kitchen._shelly._tcp.local.", True),
        ("_http._tcp.local.", "ShellyPro4PM-1._http._tcp.local.", True),
        ("_http._tcp.local.", "printer._http._tcp.local.", False),
    ],
)
def test_what_may_be_a_shelly(service: str, name: str, *, expected: bool) -> None:
    assert is_shelly(service, name) is expected


def test_a_device_is_asked_at_the_first_ipv4_address_that_it_tells() -> None:
    assert host_of(["fe80::1", "192.168.1.7", "10.0.0.7"], 80) == "192.168.1.7:80"
    assert host_of(["fe80::1"], 80) is None
    assert host_of(["192.168.1.7"], None) == "192.168.1.7:80"


def test_a_site_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(shelly_discovery, "import_module", missing)
    ended = CliRunner().invoke(psd, ["charging", "site", "--site", "s1", "--discover"])
    assert ended.exit_code == 78
    assert "pointspace[site]" in ended.output
