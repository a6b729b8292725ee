"""``psd server`` as a process: it listens, drains, survives its children and leaves no orphan."""

from __future__ import annotations

import asyncio
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.servers.ports import free_ports
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
REPORT = b'{"thing":"steps","uid":1,"atid":2,"aid":3,"value":10,"ts1":1458061000,"ts2":1458061000}'
START_TIMEOUT_S = 120


class Server:
    """One ``psd server`` with its log."""

    def __init__(
        self, redis_url: str, log: Path, *options: str, port: int | None = None, **more: str
    ) -> None:
        self.log = log
        self.port = free_ports(1)[0] if port is None else port
        command = [sys.executable, "-m", "psd", "server", "--port", str(self.port), *options]
        environment = {**os.environ, "PSD_REDIS_URL": redis_url, "PSD_LOG_FORMAT": "json", **more}
        with log.open("ab") as target:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stderr=target, stdin=subprocess.DEVNULL
            )

    def get(self, path: str) -> tuple[int, str]:
        return self.request("GET", path)

    def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with closing(connection):
            connection.request(method, path, body or None)
            response = connection.getresponse()
            return response.status, response.read().decode()

    async def ready(self) -> None:
        def answers() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            return self.get("/readyz")[0] == 200

        await wait_until("the server is ready", answers, START_TIMEOUT_S)

    async def listening(self, count: int) -> None:
        """Wait until so many processes have begun to listen, over the server's whole life."""

        def have_begun() -> bool:
            return self.log.read_text().count('"message":"listening"') == count

        await wait_until(f"{count} processes have begun to listen", have_begun, START_TIMEOUT_S)

    async def ended(self, within_s: float = 60) -> int:
        await wait_until("the server ended", lambda: self.process.poll() is not None, within_s)
        assert self.process.returncode is not None
        return self.process.returncode

    def children(self) -> list[int]:
        """The serving processes; the interpreter's own resource tracker is not one of them."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found = [int(pid) for pid in path.read_text().split()]
        return [pid for pid in found if "spawn_main" in command_line(pid)]


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def is_alive(pid: int) -> bool:
    path = Path(f"/proc/{pid}/stat")
    return path.exists() and path.read_text().rpartition(")")[2].split()[0] != "Z"


def half_a_write(port: int) -> socket.socket:
    """A connection whose request is in hand: its body is not complete yet."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    head = f"POST /v1/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(REPORT)}\r\n\r\n"
    connection.sendall(head.encode() + REPORT[:10])
    return connection


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


StartServer = Callable[..., Server]


@pytest.fixture
def start(redis_url: str, tmp_path: Path) -> Iterator[StartServer]:
    started: list[Server] = []

    def start_server(*options: str, port: int | None = None, **more: str) -> Server:
        log = tmp_path / f"log-{len(started)}"
        server = Server(redis_url, log, *options, port=port, **more)
        started.append(server)
        return server

    yield start_server
    for server in started:
        children = server.children() if server.process.poll() is None else []
        server.process.kill()
        server.process.wait()
        for pid in filter(is_alive, children):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_server_writes_and_sums(start: StartServer, processes: int) -> None:
    server = start("--processes", str(processes))
    await server.ready()
    assert server.request("POST", "/v1/write", REPORT) == (200, "ok")
    assert server.get("/v1/query/1/steps/all/0/2000000000") == (200, "10")


@pytest.mark.parametrize("processes", [1, 2])
async def test_sigterm_finishes_what_is_in_hand_and_exits_0(
    start: StartServer, processes: int
) -> None:
    server = start("--processes", str(processes))
    await server.ready()
    with half_a_write(server.port) as connection:
        # Another request on a new connection: the one above has reached its handler by then.
        assert server.get("/healthz")[0] == 200
        server.process.terminate()
        await wait_until("no new connections", lambda: refuses(server.port))
        assert server.process.poll() is None
        connection.sendall(REPORT[10:])
        answer = await asyncio.to_thread(connection.recv, 4096)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"ok")
    assert await server.ended() == 0


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_second_signal_ends_it_at_once(start: StartServer, processes: int) -> None:
    server = start("--processes", str(processes), PSD_SERVER_SHUTDOWN_TIMEOUT_S="300")
    await server.ready()
    children = server.children()
    with half_a_write(server.port):
        assert server.get("/healthz")[0] == 200
        server.process.terminate()
        await wait_until("no new connections", lambda: refuses(server.port))
        server.process.terminate()
        assert await server.ended() == 1
    await wait_until("no child is left", lambda: not any(map(is_alive, children)))


async def test_a_request_that_never_ends_does_not_hold_the_end_back(start: StartServer) -> None:
    server = start("--processes", "1", PSD_SERVER_SHUTDOWN_TIMEOUT_S="0.5")
    await server.ready()
    with half_a_write(server.port):
        assert server.get("/healthz")[0] == 200
        server.process.send_signal(signal.SIGINT)
        assert await server.ended() == 0
    assert "requests were cut off" in server.log.read_text()


@pytest.mark.parametrize("processes", ["1", "2"])
async def test_a_port_that_is_taken_is_told_and_exits_1(start: StartServer, processes: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = start("--processes", processes, port=port)
        assert await server.ended(START_TIMEOUT_S) == 1
    assert f"cannot listen on 127.0.0.1:{port}" in server.log.read_text()


async def test_a_second_server_does_not_share_the_port_of_the_first(start: StartServer) -> None:
    first = start("--processes", "2")
    await first.ready()
    second = start("--processes", "2", port=first.port)
    assert await second.ended(START_TIMEOUT_S) == 1


async def test_the_metrics_of_all_processes_are_summed(start: StartServer) -> None:
    server = start("--processes", "2")
    await server.listening(2)
    for _ in range(40):
        server.get("/version")
    shown = {counted(server.get("/metrics")[1]) for _ in range(20)}
    assert shown == {40.0}
    answered_by_pid = [counted_by(server, pid) for pid in server.children()]
    assert all(answered_by_pid)


def counted(metrics: str) -> float:
    line = re.search(r'psd_http_requests_total\{route="/version",status="200"\} (\S+)', metrics)
    assert line is not None
    return float(line[1])


def counted_by(server: Server, pid: int) -> bool:
    """Whether this process has written metrics of its own."""
    folder = next(
        entry.partition("=")[2]
        for entry in Path(f"/proc/{pid}/environ").read_text().split("\0")
        if entry.startswith("PROMETHEUS_MULTIPROC_DIR=")
    )
    return Path(folder, f"counter_{pid}.db").exists()


async def test_a_process_that_dies_is_started_again(start: StartServer) -> None:
    server = start("--processes", "2")
    await server.listening(2)
    killed = server.children()[0]
    os.kill(killed, signal.SIGKILL)
    await wait_until(
        "another child has taken its place",
        lambda: len(server.children()) == 2 and killed not in server.children(),
    )
    await server.listening(3)
    assert server.get("/v1/query/1/steps/all/0/9") == (200, "0")
    server.process.terminate()
    assert await server.ended() == 0


async def test_no_child_outlives_a_parent_that_was_killed(start: StartServer) -> None:
    server = start("--processes", "2")
    await server.ready()
    children = server.children()
    assert len(children) == 2
    server.process.kill()
    await server.ended()
    await wait_until("the children are gone", lambda: not any(map(is_alive, children)))
