"""What a service manager is told over its socket, and when it is told nothing."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from psd.observe.service_manager import ServiceManager, service_manager
from tests.support.processes.managing import Managing, abstract_address
from tests.support.waiting import wait_until

OFTEN_S = 0.03
"""An interval at which a process shows a hundred signs of life a second."""


@pytest.fixture(params=["in a folder", "abstract"])
def managing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Managing]:
    address = abstract_address() if request.param == "abstract" else str(tmp_path / "notify")
    with Managing(address, OFTEN_S) as listening:
        yield listening


def manager_of(managing: Managing) -> ServiceManager:
    return service_manager(dict(managing.environment))


def stand_still(seconds: float) -> None:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        pass


def well() -> str:
    return ""


def test_readiness_and_the_end_are_told_once_each(managing: Managing) -> None:
    manager = manager_of(managing)
    manager.ready("working")
    manager.stopping()
    manager.stopping()
    assert managing.hear() == ["READY=1", "STATUS=working", "STOPPING=1", "STATUS=draining"]


def test_a_status_is_told_when_it_is_another_one_and_never_after_the_end(
    managing: Managing,
) -> None:
    manager = manager_of(managing)
    manager.ready("working")
    for status in ("working", "paused: redis", "paused: redis", "working"):
        manager.status(status)
    manager.stopping()
    manager.status("paused: nsqd")
    told = [line for line in managing.hear() if line.startswith("STATUS=")]
    assert told == ["STATUS=working", "STATUS=paused: redis", "STATUS=working", "STATUS=draining"]


def test_a_status_of_two_lines_is_no_second_message(managing: Managing) -> None:
    manager_of(managing).ready("paused:\nSTOPPING=1")
    assert managing.hear() == ["READY=1", "STATUS=paused: STOPPING=1"]


async def test_signs_of_life_go_on_while_the_loop_turns_and_end_with_it(managing: Managing) -> None:
    async with manager_of(managing).watched(well, well):
        for _ in range(3):
            await managing.told("WATCHDOG=1")
    assert "service manager" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_a_loop_that_stands_still_shows_none(managing: Managing) -> None:
    async with manager_of(managing).watched(well, well):
        await managing.told("WATCHDOG=1")
        managing.hear()
        stand_still(10 * OFTEN_S)
        assert managing.hear() == []
        await managing.told("WATCHDOG=1")


async def test_an_ill_process_says_why_and_shows_none_until_it_is_well(managing: Managing) -> None:
    manager, illness, asked = manager_of(managing), [""], [0]

    def ill() -> str:
        asked[0] += 1
        return illness[0]

    async with manager.watched(lambda: "working", ill):
        manager.ready("working")
        await managing.told("WATCHDOG=1")
        illness[0] = "it stands still"
        await managing.told("STATUS=it stands still")
        managing.hear()
        before = asked[0]
        await wait_until("it was asked three times", lambda: asked[0] >= before + 3)
        assert managing.hear() == []
        illness[0] = ""
        await managing.told("WATCHDOG=1")
        assert "STATUS=working" in managing.lines


async def test_nobody_is_told_anything_where_nobody_listens(tmp_path: Path) -> None:
    for manager in (ServiceManager(), ServiceManager(str(tmp_path / "gone"), OFTEN_S)):
        manager.ready("working")
        ran = asyncio.Event()
        async with manager.watched(well, well):
            ran.set()
        assert ran.is_set()


def test_the_environment_of_children_names_no_manager() -> None:
    environ = {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "30000000", "PATH": "/bin"}
    environ["WATCHDOG_PID"] = str(os.getpid())
    manager = service_manager(environ)
    assert (environ, manager.is_there, manager.watchdog_s) == ({"PATH": "/bin"}, True, 30.0)


@pytest.mark.parametrize(
    ("more", "watchdog_s"),
    [({"WATCHDOG_PID": "1"}, 0.0), ({"WATCHDOG_USEC": "often"}, 0.0), ({}, 2.5)],
)
def test_a_watchdog_of_another_process_or_no_number_is_none(
    more: dict[str, str], watchdog_s: float
) -> None:
    environ = {"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "2500000", **more}
    assert service_manager(environ).watchdog_s == watchdog_s


def test_an_address_that_is_no_unix_socket_is_told_nothing() -> None:
    assert not service_manager({"NOTIFY_SOCKET": "vsock:2:1234"}).is_there


async def test_signs_are_shown_without_waiting_for_readiness(managing: Managing) -> None:
    async with manager_of(managing).watched(lambda: "early", well):
        await wait_until("a sign", lambda: "WATCHDOG=1" in managing.hear())
    assert "STATUS=early" not in managing.lines
