"""Kills of those who step plugs: SIGKILL at each failpoint, while 50 plugs charge.

Four workers take what a site says: plugs, readings, answers to commands, and what users ask for,
all of it twice and in any order; two servers take what Stripe says of payments, twice and in any
order too (charging_payments.py). Each of the four is armed with another place at which it dies;
whoever has died is followed by the next, until all places were met and four are left that live.
Sessions begin and end meanwhile. At the end ``psd verify`` finds nothing, each plug has one session
a request, and every bill, ledger, balance and minute is what plain Python makes of the readings
and payments (tests/support/plain/plain_charging.py). Then the archive is replayed into the emptied
store, and all of this holds again, plug by plug; and so once more from a backup that was taken
meanwhile, with a replay.

    python -m tests.chaos.run --only charging-kills --seed 5 --trials 1
"""

from __future__ import annotations

import asyncio
import random
import struct
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from psd.charging.accounts.ledger_entries import LedgerEntry
from psd.charging.domain import FAILPOINTS
from psd.charging.part import ChargingPart
from psd.charging.plugs.plug import Plug
from psd.charging.plugs.states import PlugState
from psd.charging.wire import (
    COMMAND_RESULTS,
    NEW_DEVICES,
    ON,
    TELEMETRY,
    TOPICS,
    commands_topic,
    contracts,
    packed,
    unpacked,
)
from psd.config_sources import load_settings
from psd.runtime import Runtime, open_runtime
from tests.chaos.drill import Drill
from tests.chaos.experiments.charging_holds import PLUGS, SITE, hold
from tests.chaos.experiments.charging_payments import SECRET, KilledPayments, payer_of
from tests.chaos.stage import CHANNEL, Process, Stage, patient
from tests.chaos.trial import Say, Tally, run_in_lanes
from tests.support.plain.plain_charging import PlainCharging
from tests.support.waiting import wait_until

WORKERS = 4
OPENING_CENTS = 5_000
READ_S = 0.4
CHARGED_READS = 4
LOOK_S = 0.2
MILLIVOLTS = 240_000
ROUNDS_MAX = 6
PATIENCE_S = 180.0
FLAGS = {
    "charging.enabled": True,
    "charging.step_ms": 150,
    "charging.queue_settle_ms": 0,
    "charging.stripe_webhook_secrets": SECRET,
}


class ChargingKills:
    """Trials of one site each."""

    name = "charging-kills"
    short = 1
    whole = 30

    async def run(self, trials: int, seed: int, say: Say) -> Tally:
        """Run trials with the seeds ``seed`` and up."""
        return await run_in_lanes(self.name, trials, seed, self._stage, self._trial, say, lanes=1)

    @asynccontextmanager
    async def _stage(self, lane: int) -> AsyncIterator[Stage]:
        folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-{lane}-"))
        async with Stage(folder, settings=FLAGS) as stage:
            for topic in TOPICS:
                stage.nsqd.create_channel(topic, CHANNEL)
            stage.nsqd.create_channel(commands_topic(SITE), SITE)
            yield stage

    async def _trial(self, stage: Stage, seed: int) -> Tally:
        rng, tally = random.Random(f"{self.name} {seed}"), Tally(trials=1)
        async with _psd(stage, archiving=True) as psd:
            site, drill = KilledSite(stage, psd, rng, tally), Drill(stage)
            taking = asyncio.create_task(drill.take())
            await site.charged()
            await taking
            await hold(psd, site.plain, tally)
            plugs = await site.plugs()
        await asyncio.to_thread(stage.said, "verify", "--domain", "charging")
        await stage.client.flushall()
        tally.notes.append(await asyncio.to_thread(stage.said, "replay", "--from", "1"))
        await _hold_still(stage, site.plain, plugs, tally)
        await drill.lose()
        tally.notes.append(await drill.restore(has_domain=True))
        await _hold_still(stage, site.plain, plugs, tally)
        await stage.client.flushall()
        return tally


CHARGING_KILLS = ChargingKills()


@asynccontextmanager
async def _psd(stage: Stage, *, archiving: bool = False) -> AsyncIterator[Runtime]:
    flags = {
        **patient(stage),
        "queue.nsqd_addresses": stage.nsqd.address,
        "archive.folder": str(stage.archive_folder),
        **FLAGS,
    }
    psd = await open_runtime(load_settings(flags=flags).settings, archiving=archiving)
    try:
        yield psd
    finally:
        await psd.close()


class KilledSite:
    """A site that is never killed itself, and whoever works for it."""

    def __init__(self, stage: Stage, psd: Runtime, rng: random.Random, tally: Tally) -> None:
        self.plain = PlainCharging()
        self._stage = stage
        self._store = psd.part(ChargingPart).services.store
        self._desk = psd.part(ChargingPart).desk
        self._commands = psd.new_queue(commands_topic(SITE), SITE)
        self._clock = psd.clock
        self._rng = rng
        self._tally = tally
        self._names = [f"p{number}" for number in range(PLUGS)]
        customers = [f"u-{name}" for name in self._names]
        self._payments = KilledPayments(stage, self.plain, customers, psd.clock, rng)
        self._is_on: dict[str, bool] = {}
        self._places = rng.sample(FAILPOINTS, len(FAILPOINTS))
        self._armed: list[Process] = []
        self._rounds = 0
        self._is_over = False

    async def plugs(self) -> dict[str, Plug]:
        """As they stand in the store."""
        return dict((await self._store.view(SITE)).plugs)

    async def charged(self) -> None:
        """Sessions of all plugs, until everybody has died who should."""
        await self._commands.start()
        reading = asyncio.create_task(self._read())
        obeying = asyncio.create_task(self._obey())
        tasks = [reading, obeying]
        try:
            await self._begin()
            paying = asyncio.create_task(self._payments.pay())
            tasks.append(paying)
            while self._places or self._alive():
                assert self._rounds < ROUNDS_MAX, (
                    f"never met: {[a.failpoint for a in self._alive()]}"
                )
                await self._round()
            self._is_over = True
            self._payments.stop()
            await asyncio.gather(reading, paying)
            await self._said_all()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._commands.close()
        self._tally.kills += len(self._armed) + self._payments.kills
        self._tally.kills_before_fin += len(self._armed)
        self._tally.notes.append(f"{self._payments.sent} webhooks")
        self._tally.notes += [each.failpoint for each in self._armed]

    async def _begin(self) -> None:
        for name in self._names:
            customer = f"u-{name}"
            await self._desk.begin(customer)
            await self._desk._posting.tell(customer, stripe_id=payer_of(customer))
            at_ms = self._clock.now_ms()
            entry = LedgerEntry(id="opening/1", kind="opening", cents=OPENING_CENTS, at_ms=at_ms)
            await self._desk.post(customer, entry)
            self.plain.post(customer, entry.id, OPENING_CENTS)
        self._follow()
        said = contracts().DeviceAnnouncement(site_id=SITE, plug_ids=self._names)
        await self._say(NEW_DEVICES, [packed(said)])
        await wait_until("plugs are nobody's", self._in(PlugState.ACCOUNT_NULL), PATIENCE_S)

    async def _round(self) -> None:
        """A session of each plug."""
        self._rounds += 1
        await self._ask("enable")
        await wait_until("plugs charge", self._in(PlugState.CHARGING), PATIENCE_S)
        await asyncio.sleep(CHARGED_READS * READ_S)
        await self._ask("disable")
        await wait_until("plugs are free", self._in(PlugState.ACCOUNT_NULL), PATIENCE_S)

    def _in(self, state: PlugState) -> Callable[[], Awaitable[bool]]:
        async def holds() -> bool:
            # Looking at 50 plugs is not for nothing.
            await asyncio.sleep(LOOK_S)
            self._follow()
            plugs = await self.plugs()
            return len(plugs) == PLUGS and {plug.place for plug in plugs.values()} == {state}

        return holds

    def _alive(self) -> list[Process]:
        return [each for each in self._armed if each.running]

    def _follow(self) -> None:
        """Four run: behind whoever has died comes one that dies elsewhere, or one that lives."""
        for each in self._armed:
            assert each.running or each.was_killed, f"it left by itself:\n{each.log[-2000:]}"
        while len(self._stage.remaining()) < WORKERS:
            if self._places:
                times = self._rng.randint(1, 3)
                self._armed.append(self._stage.start_worker(f"{self._places.pop()}:{times}"))
            else:
                self._stage.start_worker()

    async def _ask(self, wanted: str) -> None:
        """Everybody asks, twice; an id is done once."""
        asked = [
            {
                "id": f"{wanted}-{self._rounds}-{name}",
                "plug_id": name,
                "user_id": f"u-{name}",
                "requested_state": wanted,
            }
            for name in self._names
        ]
        bodies = [
            msgspec.json.encode({"command": "plug_request", "plug_request": each}) for each in asked
        ]
        await self._say("psd", bodies)

    async def _say(self, topic: str, bodies: Sequence[bytes]) -> None:
        """All of it twice, in any order."""
        if not bodies:
            return
        twice = [*bodies, *bodies]
        self._rng.shuffle(twice)
        packed_bodies = [struct.pack(">I", len(twice))]
        packed_bodies += [struct.pack(">I", len(body)) + body for body in twice]
        await asyncio.to_thread(
            self._stage.nsqd.post, "/mpub", b"".join(packed_bodies), topic=topic, binary="true"
        )
        self._tally.duplicates_suppressed += len(bodies)

    async def _read(self) -> None:
        """A chunk of all plugs, some of which come late."""
        held: list[bytes] = []
        while not self._is_over:
            ms = self._clock.now_ms()
            chunk = contracts().ReadingChunk(site_id=SITE)
            for name in self._names:
                ma = self._rng.randint(5_100, 16_000) if self._is_on.get(name) else 0
                chunk.readings.add(
                    state=ON, current=ma / 1000, voltage=240, timestamp_ms=ms, plug_id=name
                )
                self.plain.read(name, ms, ma, MILLIVOLTS)
            held.append(packed(chunk))
            if self._rng.random() < 0.7:
                await self._say(TELEMETRY, held)
                held = []
            await asyncio.sleep(READ_S)
        await self._say(TELEMETRY, held)

    async def _obey(self) -> None:
        """Do what is commanded, and answer."""
        while messages := await self._commands.receive(PLUGS, 0):
            answers = []
            for message in messages:
                told = unpacked(message.body, contracts().LocalStateRequest)
                self._is_on[told.plug_id] = told.requested_state == ON
                answer = contracts().LocalStateResponse(
                    req_id=told.id,
                    resultant_state=told.requested_state,
                    plug_id=told.plug_id,
                    site_id=SITE,
                    time=self._clock.now_ms(),
                )
                answers.append(packed(answer))
            await self._say(COMMAND_RESULTS, answers)
            await self._commands.finish(messages)

    async def _is_settled(self) -> bool:
        self._follow()
        return not await self._store.left(SITE)

    async def _said_all(self) -> None:
        """Wait until everything that was said is finished, and what is late is counted."""
        for topic in ("psd", *TOPICS):

            def is_drained(topic: str = topic) -> bool:
                return self._stage.nsqd.depth(topic, CHANNEL) == 0

            await wait_until(f"{topic} is finished", is_drained, PATIENCE_S)
        await wait_until("late readings are counted", self._is_settled, PATIENCE_S)


async def _hold_still(
    stage: Stage, plain: PlainCharging, plugs: dict[str, Plug], tally: Tally
) -> None:
    """All of it, by whoever starts anew, and every plug as it stood."""
    async with _psd(stage) as psd:
        await hold(psd, plain, tally)
        assert (await psd.part(ChargingPart).services.store.view(SITE)).plugs == plugs
