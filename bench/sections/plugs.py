"""(p) Plugs: chunks of readings a second of one worker, lag of due steps, a commit, and a fuse.

Chunks: ``plug_sites`` sites of 8 plugs, of which one charges, and a ``psd worker`` that drains
``telemetry``, with the archive, steps of the plugs beside it. Steps: a process with the same sites,
at SESSIONS_A_S of which a session begins each second, looked at as a worker does; the lag is from
when a plug was due. Commits: of one plug at a site of 8, and what Redis spent inside the script.
Bills are held against what the readings come to. The fuse is that of ``psd charging simulate`` with
a crowd of thrifty cars, which melt it together: for how long it was over its limit at most. It
counts only where it was over it, and where all of the yard adds up.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from unittest import mock

import msgspec
from msgspec.structs import replace

from bench.figures import Figure, Row, Target
from bench.model import check
from bench.processes import NsqAddress, psd_command, redis_server
from bench.psd_system import environ_for
from bench.redis_cost import RedisCost
from bench.sections.worker import drained_s
from bench.workbench import Workbench
from psd.charging.accounts.ledger_entries import LedgerEntry
from psd.charging.charging_changes import PlugRequest
from psd.charging.part import ChargingPart
from psd.charging.plugs.plug import Plug
from psd.charging.plugs.plug_clock import EVERY_MS
from psd.charging.plugs.states import PlugState
from psd.charging.settings import ChargingSettings
from psd.charging.sites.site_store import Decided
from psd.charging.wire import TELEMETRY, contracts, packed
from psd.config_sources import load_settings
from psd.observe.metrics import Metrics
from psd.runtime import Runtime, open_runtime

CHUNKS_TARGET = Target(">=", 600.0, 900.0, of="psd")
LAG_TARGET = Target("<=", 500.0, 300.0, of="psd")
COMMIT_TARGET = Target("<=", 150.0, 80.0, of="psd")
FUSE_TARGET = Target("<=", 7.0, 6.0, of="psd")
THRIFTY_SHARE = 0.8
YARD_TIMEOUT_S = 1_200
PLUGS = 8
SESSIONS_A_S = 20
COMMITS = 2_000
WARM_S = 5.0
READ_MS = 2_000


async def run(bench: Workbench) -> None:
    """Chunks, steps, commits, the fuse."""
    bench.add(
        Row(
            "p",
            f"chunks of {PLUGS} readings, one worker, {bench.sizes.plug_sites:,} sites",
            "chunks/s",
            Figure(tuple([await _chunks_a_s(bench) for _ in range(bench.sizes.repetitions)])),
            target=CHUNKS_TARGET,
        )
    )
    lags, commit_us = await _steps(bench)
    bench.add(
        Row(
            "p",
            f"lag of due steps, p99, {bench.sizes.plug_sites:,} sites",
            "ms",
            Figure((_percentile(lags, 0.99),)),
            target=LAG_TARGET,
        ),
        Row("p", "lag of due steps, median", "ms", Figure((_percentile(lags, 0.5),))),
        Row("p", "a commit, Redis", "us", Figure((commit_us,)), target=COMMIT_TARGET),
        *await asyncio.to_thread(_fuse, bench),
    )


def _fuse(bench: Workbench) -> list[Row]:
    """A crowded yard, second by second."""
    sizes = bench.sizes
    options = {
        "--cars": sizes.yard_cars,
        "--plugs": sizes.yard_plugs,
        "--fuse-amps": sizes.yard_amps,
        "--thrifty": THRIFTY_SHARE,
    }
    asked = [*psd_command("charging"), "simulate", "--json"]
    asked += [str(word) for option in options.items() for word in option]
    began_s = time.monotonic()
    ended = subprocess.run(asked, capture_output=True, check=False, timeout=YARD_TIMEOUT_S)
    took_s = time.monotonic() - began_s
    told = msgspec.json.decode(ended.stdout)
    check("psd", f"the yard adds up ({ended.stderr!r})", told["agrees"], expected=True)
    check("psd", "the fuse was over its limit", told["times_over"] > 0, expected=True)
    yard = f"{sizes.yard_cars} cars, {sizes.yard_plugs} plugs, {sizes.yard_amps} A"
    return [
        Row(
            "p",
            f"a fuse over its limit at most, {yard}",
            "s",
            Figure((told["longest_over_s"],)),
            target=FUSE_TARGET,
        ),
        Row("p", "times that it was over it", "", Figure((told["times_over"],))),
        Row("p", "plugs that it shed", "", Figure((told["sheds"],))),
        Row(
            "p",
            f"seconds of the yard in one of ours, of {told['seconds']:,}",
            "s/s",
            Figure((told["seconds"] / took_s,)),
        ),
    ]


def _environ(socket: Path) -> dict[str, str]:
    return {**environ_for(socket), "PSD_CHARGING_ENABLED": "true"}


async def _opened(socket: Path) -> Runtime:
    return await open_runtime(load_settings(environ=_environ(socket)).settings)


def _site(number: int) -> str:
    return f"s{number}"


def _plug(site: int, number: int) -> str:
    return f"p{site}-{number}"


async def _populated(psd: Runtime, sites: int) -> None:
    """Sites whose plugs are nobody's, but for the first of each, which charges."""
    part, now_ms = psd.part(ChargingPart), psd.clock.now_ms()
    store = part.services.store
    for site in range(sites):
        customer = f"u{site}"
        await part.desk.accounts.tell(customer, (), begins=True)
        opening = LedgerEntry(id="opening/1", kind="opening", cents=9_000, at_ms=now_ms)
        await part.desk.post(customer, opening)
        plugs = {
            _plug(site, number): Plug(version=1, state=PlugState.ACCOUNT_NULL, entered_ms=now_ms)
            for number in range(PLUGS)
        }
        plugs[_plug(site, 0)] = replace(
            plugs[_plug(site, 0)],
            state=PlugState.CHARGING,
            owner=customer,
            session_id=f"id-{site}",
            session_start_ms=now_ms - 3_600_000,
            # Checks of credit are spread over a minute, as sessions begin.
            last_credit_check_ms=now_ms - site * 60_000 // sites,
        )
        for plug in plugs:
            await store.place(plug, _site(site))
        charging, due_ms = _plug(site, 0), now_ms + 60_000 - site * 60_000 // sites
        decided = Decided(
            versions=dict.fromkeys(plugs, 0), plugs=plugs, dues=[(charging, None, due_ms)]
        )
        await store.commit(_site(site), decided, now_ms)


async def _chunks_a_s(bench: Workbench) -> float:
    """Fill, open, wait, check."""
    folder, sites = bench.folder("plugs"), bench.sizes.plug_sites
    with ExitStack() as stack:
        socket = stack.enter_context(redis_server(folder, durable=False))
        psd = await _opened(socket)
        try:
            await _populated(psd, sites)
            # Not ahead of time: the newest reading is of now.
            rounds = -(-bench.sizes.plug_chunks // sites)
            first_ms = psd.clock.now_ms() - rounds * READ_MS
            bodies = [
                _chunk(site, first_ms + turn * READ_MS)
                for turn in range(rounds)
                for site in range(sites)
            ]
            worker = partial(_worker, socket, folder)
            elapsed_s = drained_s(stack, folder, bodies, worker, TELEMETRY)
            await _check(psd, sites, first_ms, rounds)
        finally:
            await psd.close()
    return len(bodies) / elapsed_s


def _worker(socket: Path, folder: Path, address: NsqAddress) -> tuple[list[str], dict[str, str]]:
    """One that archives."""
    return psd_command("worker"), {
        **_environ(socket),
        "PSD_QUEUE_NSQD_ADDRESSES": address.tcp,
        "PSD_ARCHIVE_ENABLED": "true",
        "PSD_ARCHIVE_FOLDER": str(folder / "archive"),
    }


def _chunk(site: int, ms: int) -> bytes:
    chunk = contracts().ReadingChunk(site_id=_site(site))
    for number in range(PLUGS):
        amps = 10.0 if number == 0 else 0.0
        chunk.readings.add(
            state=1, current=amps, voltage=240, timestamp_ms=ms, plug_id=_plug(site, number)
        )
    return packed(chunk)


async def _check(psd: Runtime, sites: int, first_ms: int, rounds: int) -> None:
    """Each charge has the energy of its readings."""
    sessions = psd.part(ChargingPart).services.sessions
    last_ms = first_ms + rounds * READ_MS
    expected = 10_000 * 240_000 * (rounds - 1) * READ_MS
    for site in range(0, sites, max(1, sites // 50)):
        found = await sessions.so_far(_site(site), _plug(site, 0), first_ms, last_ms)
        check("psd", f"energy of site {site}", found.nj, expected)


async def _steps(bench: Workbench) -> tuple[Sequence[float], float]:
    """Lags in milliseconds, and microseconds of a commit."""
    sites = bench.sizes.plug_sites
    with redis_server(bench.folder("plug-steps"), durable=False) as socket:
        psd = await _opened(socket)
        try:
            await _populated(psd, sites)
            lags = await _lags(psd, sites, bench.sizes.plug_seconds)
            with RedisCost(socket) as cost:
                commit_us = await cost.script_us(_commits(psd)) / COMMITS
        finally:
            await psd.close()
    return lags, commit_us


async def _lags(psd: Runtime, sites: int, seconds: int) -> Sequence[float]:
    async def heard(_topic: str, _bodies: Sequence[bytes]) -> None:
        """Stands for the queue."""

    core = replace(psd.core, metrics=Metrics(), publish=heard)
    part = ChargingPart(core, psd.settings.of(ChargingSettings))
    lags: list[float] = []
    # What was due while the sites were made is worked off first.
    await _stepped(part, psd, time.monotonic() + WARM_S)
    ends_s = time.monotonic() + seconds
    asking = asyncio.create_task(_begin_sessions(part, psd, sites, ends_s))
    with mock.patch.object(part.services.metrics.steps.due_lag, "observe", lags.append):
        await _stepped(part, psd, ends_s)
    await asking
    await part.close()
    return [each * 1000 for each in lags]


async def _stepped(part: ChargingPart, psd: Runtime, ends_s: float) -> None:
    """Do what a worker does by the clock, until then."""
    assert part.clock is not None
    while time.monotonic() < ends_s:
        began_s = time.monotonic()
        await part.clock.step(psd.clock.now_ms())
        await asyncio.sleep(max(0.0, began_s + EVERY_MS / 1000 - time.monotonic()))


async def _begin_sessions(part: ChargingPart, psd: Runtime, sites: int, ends_s: float) -> None:
    """At one site after the other."""
    for turn in itertools.count():
        if time.monotonic() >= ends_s:
            return
        site, number = turn % sites, 1 + turn // sites % (PLUGS - 1)
        now_ms = psd.clock.now_ms()
        plug, customer = _plug(site, number), f"u{site}"
        asked = PlugRequest(now_ms // 1000, f"r{turn}", plug, customer, "enable", now_ms)
        await part.services.sites.request(asked)
        await asyncio.sleep(1 / SESSIONS_A_S)


async def _commits(psd: Runtime) -> None:
    """Commits of one plug after the other, at a site of eight."""
    store, site, now_ms = psd.part(ChargingPart).services.store, "s0", psd.clock.now_ms()
    plugs = dict((await store.view(site)).plugs)
    names = itertools.cycle(sorted(plugs))
    for _ in range(COMMITS):
        name = next(names)
        decided = Decided(versions={each: plug.version for each, plug in plugs.items()})
        plugs[name] = replace(plugs[name], version=plugs[name].version + 1)
        decided.plugs[name] = plugs[name]
        decided.dues.append((name, None, now_ms + 10**9))
        await store.commit(site, decided, now_ms)


def _percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)))]
