"""Kills between any two commands, then every column, log, position and board.

A trial books a stream over the queue and over HTTP, withdraws some of its activities, seals the
logs, books on, seals again, and erases one of the owners. In between one of its processes, or its
Redis, dies with some commands carried out and the next not (tests/chaos/cut_psd.py), in the middle
of a trip or of a transaction too; by the seed::

    seed % 8   0       1                   2       3               4     5         6      7
    dies       worker  worker's store      server  server's store  seal  s.'s st.  erase  e.'s st.

Whoever died is started again and does the same once more. What stands then is held against plain
Python: each cell, sums of logs by second, positions, boards of random ranges; `psd verify` says
that all other keys agree.

    python -m tests.chaos.run --only command-cuts --seed 5 --trials 1
"""

from __future__ import annotations

import asyncio
import json
import random
import urllib.parse
import urllib.request
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from psd.engine.events import Event, Report
from tests.chaos.answers import ANSWERED_WITHIN_S
from tests.chaos.cut_psd import VARIABLE
from tests.chaos.oracle import compare, expected
from tests.chaos.stage import Process, Server, Stage
from tests.chaos.stored import Fields, stored_columns
from tests.chaos.stream import NAMES, Stream, generate
from tests.chaos.trial import InLanes, Tally, failures_of
from tests.support.waiting import wait_until

MESSAGES, OWNERS, WITHDRAWALS = 60, 3, 4
WORKER, SERVER, SEAL, ERASE = "worker", "server", "seal", "erase"
VICTIMS = (WORKER, SERVER, SEAL, ERASE)
COMMANDS_MAX = {WORKER: 30, SERVER: 10, SEAL: 30, ERASE: 40}
"""So many commands at most before the cut; each does more."""

RANGES = 6
STORE_TIMEOUT_S = 5
COMMAND_TIMEOUT_S = 180.0
THINGS = (1, 3)

_HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Work(NamedTuple):
    """What a trial does, and what counts of it in the end."""

    rng: random.Random
    stream: Stream
    withdrawals: list[bytes]
    erased: int
    counting: list[Event]


class Dying(NamedTuple):
    """Who dies, and whether it is his store instead."""

    victim: str
    is_store: bool


class CommandCuts(InLanes):
    """Trials with servers of their own, a few beside each other."""

    name = "command-cuts"
    short = 8
    whole = 400

    async def _trial(self, folder: Path, seed: int) -> Tally:
        work = work_of(seed)
        dying = Dying(VICTIMS[seed % 8 // 2], seed % 2 == 1)
        tally = Tally(trials=1, duplicates_suppressed=work.stream.repeats)
        async with Stage(
            folder / str(seed),
            settings={"redis.timeout_s": STORE_TIMEOUT_S},
            program="tests.chaos.cut_psd",
            failpoint_variable=VARIABLE,
        ) as stage:
            cutting = _Cutting(stage, work, dying, tally)
            await cutting.run()
            roots = {root: root for root in work.stream.roots}
            found = compare(columns_of(work.counting), await stored_columns(stage.client, roots))
            tally.lost += sum(each.kind == "lost" for each in found)
            tally.doubled += sum(each.kind == "doubled" for each in found)
            wrong = await asyncio.to_thread(wrong_boards, stage.servers[-1].url, work)
            verified = await cutting.ended(stage.start_command("verify"))
            told = [f"psd verify: {verified.log[-1000:]}"] if verified.process.returncode else []
        tally.failures += failures_of(self.name, seed, [*found, *wrong, *told])
        return tally


COMMAND_CUTS = CommandCuts()


class _Cutting:
    """One trial on its way."""

    def __init__(self, stage: Stage, work: Work, dying: Dying, tally: Tally) -> None:
        self._stage = stage
        self._work = work
        self._dying = dying
        self._tally = tally
        self._mortal: Process | None = None
        """Who is to die, or to let his store die, and has not yet."""

    async def run(self) -> None:
        """Everything once, and once more what was cut."""
        stage, bodies = self._stage, self._work.stream.bodies
        worker = stage.start_worker(self._place(WORKER))
        server = await stage.start_server(self._place(SERVER))
        self._mortal = next((each for each in (worker, server) if each.failpoint), None)
        await stage.consuming()
        queued = [*bodies[::2], *self._work.withdrawals[::2]]
        await stage.publish(queued[: len(queued) // 2])
        for body in (*bodies[1::2], *self._work.withdrawals[1::2]):
            await self._post(body)
        while self._mortal is not None:
            await self._at_work(bodies)
        await stage.drained()
        await self._done("seal", SEAL)
        await stage.publish(queued[len(queued) // 2 :])
        await stage.drained()
        await self._done("seal", "")
        await self._done("users", ERASE, "erase", "--yes", str(self._work.erased))

    def _place(self, victim: str) -> str:
        """Where this one dies; empty where it does not."""
        if victim != self._dying.victim:
            return ""
        commands = self._work.rng.randint(1, COMMANDS_MAX[victim])
        redis = self._stage.redis.process
        assert redis is not None
        place = f"store:{commands}:{redis.pid}" if self._dying.is_store else f"command:{commands}"
        self._tally.notes.append(f"{victim}: {place.split(':', maxsplit=1)[0]} after {commands}")
        return place

    async def _at_work(self, again: Sequence[bytes]) -> None:
        """Wait for the end of who is to die, or of all work; then there is the same once more."""

        async def idle_or_over() -> bool:
            if self._is_over(self._mortal):
                return True
            return await asyncio.to_thread(self._stage.unfinished) == 0

        await wait_until("the cut, or nothing more to do", idle_or_over, COMMAND_TIMEOUT_S)
        if not await self._revived():
            await self._stage.publish(again)
            for body in again:
                await self._post(body)

    async def _post(self, body: bytes) -> None:
        """Post a message to the server; what was not answered is posted again."""

        async def posted() -> bool:
            if await asyncio.to_thread(post, self._stage.servers[-1].url, body):
                return True
            await self._revived()
            return False

        await wait_until("a message is posted", posted, COMMAND_TIMEOUT_S)

    def _is_over(self, process: Process | None) -> bool:
        redis = self._stage.redis.process
        assert redis is not None
        if process is None:
            return False
        return redis.poll() is not None if self._dying.is_store else not process.running

    async def _revived(self) -> bool:
        """Whether somebody had died, who is there again now."""
        process = self._mortal
        if process is None or not self._is_over(process):
            return False
        self._mortal = None
        self._tally.kills += 1
        if self._dying.is_store:
            await self._stage.restart_redis()
            return True
        assert process.was_killed, process.log[-2000:]
        if isinstance(process, Server):
            await self._stage.start_server()
        elif process in self._stage.workers:
            self._stage.start_worker()
        return True

    async def _done(self, command: str, victim: str, *arguments: str) -> None:
        """Run a command until it has done all."""
        process = self._stage.start_command(command, *arguments, failpoint=self._place(victim))
        self._mortal = process if process.failpoint else None
        await self.ended(process)
        if await self._revived():
            process = await self.ended(self._stage.start_command(command, *arguments))
        assert process.process.returncode == 0, process.log[-2000:]

    async def ended(self, process: Process) -> Process:
        """The same, once it has ended."""
        await process.gone(COMMAND_TIMEOUT_S)
        return process


def work_of(seed: int) -> Work:
    """A stream, some of whose activities are withdrawn and one of whose owners is erased."""
    rng, stream = random.Random(f"command-cuts {seed}"), generate(seed, MESSAGES, OWNERS)
    reports = [each for each in stream.events if isinstance(each, Report)]
    withdrawn = {(each.uid, each.aid) for each in rng.sample(reports, WITHDRAWALS)}
    messages = [
        json.dumps({"command": "withdraw", "withdraw": {"uid": uid, "aid": aid}}).encode()
        for uid, aid in sorted(withdrawn)
    ]
    erased = rng.choice(sorted({each.uid for each in reports}))
    counting: list[Event] = [
        each for each in reports if each.uid != erased and (each.uid, each.aid) not in withdrawn
    ]
    return Work(rng, stream, messages, erased, counting)


def columns_of(events: Iterable[Event]) -> Fields:
    """What columns and logs must say."""
    fields = expected(events)
    return {place: text for place, text in fields.items() if place[0].endswith(":columns")}


def wrong_boards(url: str, work: Work) -> list[str]:
    """Boards of random ranges that the server tells otherwise than plain sums."""
    fields, wrong = columns_of(work.counting), []
    for thing in THINGS:
        booked: dict[str, dict[int, int]] = {}
        for (key, field), text in fields.items():
            prefix, _, _ = key.rpartition(":columns")
            _, _, uid, of = prefix.split(":")
            if of == str(thing):
                seconds = booked.setdefault(uid, {})
                if field.startswith("l:"):
                    seconds[int(field[2:])] = int(text)
        edges = sorted({second for seconds in booked.values() for second in seconds}) or [0]
        for _ in range(RANGES):
            start, end = sorted(work.rng.choices(edges, k=2))
            wanted = {
                uid: sum(delta for second, delta in seconds.items() if start <= second <= end)
                for uid, seconds in booked.items()
            }
            told = board(url, thing, start, end + 1)
            if told != wanted:
                wrong.append(f"board {start}..{end} of {NAMES[thing]}: {told}, expected {wanted}")
    return wrong


def board(url: str, thing: int, start: int, end: int) -> dict[str, int]:
    """Everybody's sums, as the server tells them."""
    asked = {"thing": NAMES[thing], "start": start, "end": end, "limit": 100, "all": "true"}
    path = f"/v3/leaderboard?{urllib.parse.urlencode(asked)}"
    with _HTTP.open(f"{url}{path}", None, ANSWERED_WITHIN_S) as answer:
        rows = json.loads(answer.read())["data"]
    return {row["uid"]: row["value"] for row in rows}


def post(url: str, body: bytes) -> bool:
    """Whether the server says that it has booked a message."""
    kind = "application/json" if body[:1] in b"[{" else "application/msgpack"
    request = urllib.request.Request(f"{url}/v3/events", body, {"Content-Type": kind})
    try:
        with _HTTP.open(request, timeout=ANSWERED_WITHIN_S):
            return True
    except OSError:
        return False
