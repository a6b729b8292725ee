"""(a) How fast one worker process drains nsqd into Redis, events per second.

The channel is paused while the topic fills and the worker starts; the clock runs from the
moment it is opened until nsqd has no message left and none in flight. So start-up does not
count, and the last acknowledgement does.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import msgspec

from bench.figures import Row, Target, interleaved
from bench.loading import check_sample
from bench.model import Model
from bench.peers.original import OriginalLayout
from bench.processes import (
    NsqAddress,
    http_json,
    http_text,
    nsqd,
    psd_command,
    redis_server,
    running,
    wait_for,
)
from bench.psd_system import PsdSystem, environ_for
from bench.workbench import Workbench
from bench.workloads import THING_NAMES, dense, sparse
from psd.engine.event_fields import encode_metric
from psd.engine.events import Report

TOPIC = CHANNEL = "psd"
PEERS = ("floor", "psd-reader", "original")
UNBOOKED = ("floor", "psd-reader")
PUBLISHED_AT_ONCE = 5_000
DRAIN_TIMEOUT_S = 300.0
POLL_S = 0.005
"""The floor empties 150,000 messages in a quarter of a second; this keeps its error at 2 %."""

RATE_TARGETS = {
    "sparse": Target(">=", 45_000, 60_000, of="psd"),
    "dense": Target(">=", 90_000, 110_000, of="psd"),
}
DURABLE_TARGET = Target(">=", 0.5, 0.8)


async def run(bench: Workbench) -> None:
    """Psd fast and durable, the floor, and the original's round trips, sparse and dense."""
    count = bench.sizes.drain_messages
    per_hour = bench.sizes.dense_vehicles * 360
    workloads = {
        "sparse": sparse(count),
        "dense": dense(bench.sizes.dense_vehicles, -(-count // per_hour))[:count],
    }
    for name, reports in workloads.items():
        drains = {
            "floor": Drain(bench, "floor", reports),
            "psd-reader": Drain(bench, "psd-reader", reports),
            "fast": Drain(bench, "fast", reports),
            "durable": Drain(bench, "durable", reports),
            "original": Drain(bench, "original", reports[: bench.sizes.drain_messages_original]),
        }
        taken = await interleaved(
            bench.sizes.repetitions, {mode: drain.events_per_s for mode, drain in drains.items()}
        )
        measure = f"worker drains nsqd, {name}"
        fast, durable = taken["fast"], taken["durable"]
        floor, reader = "floor: read, decode, no Redis", "psd's reader and rules, no Redis"
        bench.add(
            Row("a", measure, "events/s", fast, floor, taken["floor"], RATE_TARGETS[name]),
            Row("a", measure, "events/s", fast, reader, taken["psd-reader"]),
            Row("a", measure, "events/s", fast, "original's trips, 4 at once", taken["original"]),
            Row("a", f"{measure}, durable", "events/s", durable, "psd, fast", fast, DURABLE_TARGET),
        )


class Drain:
    """One way to consume one workload; each measurement starts from empty servers."""

    def __init__(self, bench: Workbench, mode: str, reports: Sequence[Report]) -> None:
        self._bench = bench
        self._mode = mode
        self._reports = reports
        self._bodies = [message(report) for report in reports]

    async def events_per_s(self) -> float:
        """Fill, open, wait, check."""
        durable = self._mode == "durable"
        folder = self._bench.folder(f"drain-{self._mode}")
        with ExitStack() as stack:
            socket = stack.enter_context(redis_server(folder, durable=durable))
            elapsed_s = drained_s(stack, folder, self._bodies, partial(self._worker, socket))
            await self._check(socket)
        return len(self._reports) / elapsed_s

    def _worker(self, socket: Path, address: NsqAddress) -> tuple[list[str], dict[str, str]]:
        if self._mode in PEERS:
            command = [sys.executable, "-m", "bench.peers.drain", self._mode]
            return [*command, address.tcp, str(socket)], {}
        return psd_worker(socket, self._mode, address)

    async def _check(self, socket: Path) -> None:
        if self._mode in UNBOOKED:
            return
        system: PsdSystem | OriginalLayout
        if self._mode == "original":
            system = OriginalLayout(socket)
        else:
            system = await PsdSystem.open(socket)
        await check_sample(system, Model(self._reports), self._reports)
        await system.close()


def drained_s(
    stack: ExitStack,
    folder: Path,
    bodies: Sequence[bytes],
    worker_at: Callable[[NsqAddress], tuple[list[str], dict[str, str]]],
    topic: str = TOPIC,
) -> float:
    """How long a worker takes for messages; it and its nsqd end with ``stack``."""
    address = stack.enter_context(nsqd(folder / "nsqd"))
    fill(address, bodies, topic)
    command, environ = worker_at(address)
    log = folder / "worker.log"
    child = stack.enter_context(running(command, log, environ))
    wait_for("worker at nsqd", partial(_has_client, address, child, log, topic))
    started = time.perf_counter()
    _post(address, "channel/unpause", topic)
    wait_for("empty channel", partial(_is_drained, address, topic), DRAIN_TIMEOUT_S, POLL_S)
    return time.perf_counter() - started


def psd_worker(
    socket: Path, durability: str, address: NsqAddress
) -> tuple[list[str], dict[str, str]]:
    """The command of one worker process, and its environment."""
    environ = environ_for(socket, durability)
    environ["PSD_QUEUE_NSQD_ADDRESSES"] = address.tcp
    return psd_command("worker"), environ


def message(report: Report) -> bytes:
    """The report as a producer sends it."""
    fields = {name: getattr(report, name) for name in ("uid", "atid", "aid", "value", "ts1", "ts2")}
    return encode_metric({"thing": THING_NAMES[report.thing], **fields})


def fill(address: NsqAddress, bodies: Sequence[bytes], topic: str) -> None:
    """Put all messages into a channel that nobody may read yet."""
    _post(address, "topic/create", topic)
    _post(address, "channel/create", topic)
    _post(address, "channel/pause", topic)
    for start in range(0, len(bodies), PUBLISHED_AT_ONCE):
        piece = bodies[start : start + PUBLISHED_AT_ONCE]
        packed = b"".join(struct.pack(">l", len(body)) + body for body in piece)
        url = f"http://{address.http}/mpub?topic={topic}&binary=true"
        http_text(url, struct.pack(">l", len(piece)) + packed)
    wait_for("filled channel", lambda: _channel(address, topic).depth == len(bodies))


class Channel(msgspec.Struct, frozen=True):
    """What nsqd says about the channel."""

    depth: int
    in_flight_count: int
    deferred_count: int
    client_count: int


def _channel(address: NsqAddress, topic: str) -> Channel:
    url = f"http://{address.http}/stats?format=json&topic={topic}&channel={CHANNEL}"
    topics = http_json(url)["topics"]
    return msgspec.convert(topics[0]["channels"][0], Channel)


def _has_client(
    address: NsqAddress, worker: subprocess.Popen[bytes], log: Path, topic: str
) -> bool:
    if worker.poll() is not None:
        raise RuntimeError(f"the worker ended at start: {log.read_text()[-2000:]}")
    return _channel(address, topic).client_count > 0


def _is_drained(address: NsqAddress, topic: str) -> bool:
    channel = _channel(address, topic)
    return channel.depth + channel.in_flight_count + channel.deferred_count == 0


def _post(address: NsqAddress, action: str, topic: str) -> None:
    http_text(f"http://{address.http}/{action}?topic={topic}&channel={CHANNEL}", b"")
