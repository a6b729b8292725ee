"""Everything on ::1: the store, nsqd and nsqlookupd, the worker, the server and the commands."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from psd.config import QueueSettings, RedisSettings, ServerSettings, Settings
from psd.queries.depth import depth_of
from psd.runtime import open_runtime
from tests.support.clients.http import serving
from tests.support.engine import PATIENCE_S
from tests.support.processes.worker_process import psd
from tests.support.processes.worker_stack import WorkerStack, steps, worker_running
from tests.support.servers.nsqd import Nsqd, Nsqlookupd
from tests.support.servers.ports import free_ports
from tests.support.servers.redis_server import RedisServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.one_server("the addresses of a cluster are the business of its own tests")


def has_ipv6() -> bool:
    with suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[WorkerStack]:
    """A store, an nsqlookupd and an nsqd that listen on ::1 alone."""
    if not has_ipv6():
        pytest.skip("this machine has no ::1")
    (port,) = free_ports(1)
    options = ("--port", str(port), "--bind", "::1")
    lookupd = Nsqlookupd(tmp_path, host="::1")
    with (
        RedisServer(tmp_path / "redis", options=options) as redis,
        lookupd,
        Nsqd(tmp_path, lookupds=[lookupd], host="::1") as nsqd,
    ):
        nsqd.create_channel("psd", "psd")
        built = WorkerStack("nsq", redis, nsqd)
        built.settings = Settings(
            redis=RedisSettings(url=f"redis://[::1]:{port}/0", timeout_s=PATIENCE_S),
            queue=QueueSettings(
                nsqd_addresses=(nsqd.address,), lookupd_addresses=(lookupd.http_address,)
            ),
            server=ServerSettings(host="::1", port=0),
        )
        built.runtime = await open_runtime(built.settings)
        yield built
        await built.runtime.close()


async def test_a_worker_finds_its_nsqd_by_nsqlookupd_and_books(stack: WorkerStack) -> None:
    async with worker_running(stack):
        await stack.publish([steps(7, 1, 10)])
        await wait_until("it is booked", lambda: stack.sum_is(7, 10))


async def test_the_depth_is_asked_of_the_nsqd_that_nsqlookupd_names(stack: WorkerStack) -> None:
    assert stack.nsqd is not None
    await stack.publish([steps(7, 1, 10)] * 3)
    nsqd = stack.nsqd
    await wait_until("they wait in the channel", lambda: nsqd.depth("psd", "psd") == 3)
    assert await depth_of(stack.settings.queue, stack.runtime.store)() == 3


async def test_commands_reach_a_server_on_ipv6(stack: WorkerStack, tmp_path: Path) -> None:
    (tmp_path / "w.csv").write_text("u,t,s\n7,1460462400,5\n")
    columns = ("--uid", "u", "--time", "t", "--thing", "steps=s")
    async with serving(stack.runtime) as client:
        assert (await client.get("/healthz")).status == 200
        port = stack_port(client.url)
        assert client.url == f"http://[::1]:{port}"
        at = ("--set", "server.host=::1", "--set", f"server.port={port}")
        for way in (("--url", client.url), ()):
            code, out, err = await psd(stack, tmp_path, *at, "import", "w.csv", *columns, *way)
            assert (code, "1 rows" in out) == (0, True), err
        code, out, _ = await psd(stack, tmp_path, *at, "sum", "steps", "7", "--json")
    assert (code, msgspec.json.decode(out)["data"][0]["sum"]) == (0, 5)


async def test_doctor_and_dlq_speak_to_ipv6(stack: WorkerStack, tmp_path: Path) -> None:
    code, out, _ = await psd(stack, tmp_path, "dlq", "ls")
    assert code == 0
    lookupd = stack.settings.queue.lookupd_addresses[0]
    both = ("--set", f"queue.lookupd_addresses={lookupd}", "--set", "server.host=[::1]")
    code, out, _ = await psd(stack, tmp_path, *both, "doctor")
    assert stack.nsqd is not None
    assert stack.nsqd.address in out
    assert lookupd in out
    assert "BAD" not in out, out


async def test_a_port_that_is_taken_is_told_with_brackets(
    stack: WorkerStack, tmp_path: Path
) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        code, _, err = await psd(stack, tmp_path, "server", "--host", "[::1]", "--port", str(port))
    assert (code, f"cannot listen on [::1]:{port}: " in err) == (1, True)


def stack_port(url: str) -> int:
    return int(url.rpartition(":")[2])
