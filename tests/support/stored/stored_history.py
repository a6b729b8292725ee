"""What every stored fixture was made of: an event or more for each kind of key, fixed for ever.

It runs on the psd of any commit, so it asks of a runtime no more than that one has. Nothing of it
is drawn or read from a clock: whoever writes it twice writes the same bytes.

>>> await write_history(runtime)     # some 1,600 events, in the order of HISTORY
"""

from __future__ import annotations

import secrets
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import count as counting
from typing import Any

import msgspec

from psd.engine import events as kinds
from psd.engine.events import Count, Report

NOON_S = 1_460_462_400
DAY_S = 86_400
HOUR_S = 3_600
WRITTEN_AT_S = 1_700_000_000
"""What the clock says of a runtime that writes it."""

WEEK_S = 1_646_629_200
"""2022-03-07 05:00 UTC, an hour into a week of the rewards."""

SENT_AT_ONCE = 50


def report(value: int, ts2: int, ts1: int | None = None, uid: int = 1, **more: Any) -> Report:
    """A report of steps; its window is a second unless ``ts1`` says more."""
    of = {"thing": 1, "atid": 2, "aid": 3, **more}
    start = ts2 if ts1 is None else ts1
    return Report(
        of["thing"], uid, of["atid"], of["aid"], value, start, ts2, event_id=of.get("event_id")
    )


def sparse() -> Iterator[Report]:
    """Owner 1: months apart, two things, late, corrected, of 0, negative, with ids of 64 bits."""
    for n in range(24):
        yield report(n + 1, NOON_S + n * (5 * DAY_S + 977), aid=n, atid=n % 4, thing=1 + n % 2)
    for end_s, value in ((3 * DAY_S, 100), (2 * DAY_S, 50), (3 * DAY_S, 70)):
        yield report(value, NOON_S + end_s, NOON_S, aid=100)
    for second, value, event_id in ((0, 9, "i1"), (0, 9, "i1"), (5, 4, "i2")):
        yield report(value, NOON_S + second, aid=101, event_id=event_id)
    yield report(0, NOON_S + 7, aid=102)
    yield report(5, NOON_S - 400 * DAY_S, aid=103)
    yield report(-5, NOON_S - 400 * DAY_S, aid=104, atid=2**40)
    yield report(2**40, NOON_S, aid=-(2**63), atid=2**63 - 1)


def dense() -> Iterator[Report]:
    """Owner 2 passes a month's leaf, owner 3 an hour's, owner 4 a second's."""
    for n in range(140):
        yield report(n + 1, NOON_S + n * 9000, uid=2, aid=n, atid=n % 3)
    for n in range(520):
        yield report(n + 1, NOON_S + n * 6, uid=3, aid=n, atid=n % 2)
    for n in range(5):
        yield report(7, NOON_S - n * HOUR_S, uid=3, aid=700 + n)
    for n in range(530):
        yield report(n + 1, NOON_S + (30 if n < 515 else n % 3 * 7), uid=4, aid=n, atid=n % 2)


def long() -> Iterator[Report]:
    """Owner 6 has activities of 140 hours and of 60 reports an hour, corrected late."""
    for hour in range(140):
        yield report(1 + hour, NOON_S + hour * HOUR_S, NOON_S, uid=6, aid=0)
    for n in range(60):
        yield report(5, NOON_S + n * 40, NOON_S + n * 40 - n % 7, uid=6, aid=9)
    yield report(40, NOON_S + 70 * HOUR_S, NOON_S + 3 * HOUR_S, uid=6, aid=0)


def history() -> list[Any]:
    """All of it, in order; withdrawals where the engine knows of them."""
    sent: list[Any] = [*sparse(), *dense(), *long()]
    if hasattr(kinds, "Withdrawal"):
        sent += [report(5, NOON_S, uid=7, aid=1), report(6, NOON_S + 9, uid=7, aid=2)]
        sent += [report(7, NOON_S + DAY_S, NOON_S, uid=7, aid=2)]
        sent += [kinds.Withdrawal(7, 2, (1, 2), "twice", "me", NOON_S + DAY_S)]
    sent += [Count("hifive_1", 1, NOON_S + n * 2500, f"e{n}") for n in range(200)]
    return [*sent, Count("sel{f}", 3, NOON_S, "x")]


def more() -> list[Any]:
    """What is booked on each of these stores afterwards: on every dense place, and late."""
    at = NOON_S + 30
    return [
        *(report(5, at, uid=uid, aid=9000 + uid) for uid in (1, 2, 3, 4, 6)),
        report(9, NOON_S + HOUR_S // 2, uid=6, aid=0),
        report(3, NOON_S + 1800, NOON_S, aid=100),
        Count("hifive_1", 1, NOON_S + 7, "late"),
    ]


async def book(psd: Any, sent: list[Any]) -> None:
    """Book events a few at a time; each must be taken."""
    for start in range(0, len(sent), SENT_AT_ONCE):
        for outcome in await psd.engine.book(sent[start : start + SENT_AT_ONCE]):
            assert outcome.error is None, outcome


@contextmanager
def counted_words() -> Iterator[None]:
    """Random words are 1, 2, 3 ... meanwhile, for each module that draws: ids of boards."""
    drawn = secrets.token_hex
    words: dict[str, Iterator[int]] = defaultdict(lambda: counting(1))

    def word(nbytes: int | None = None) -> str:
        module = sys._getframe(1).f_globals["__name__"]
        return f"{next(words[module]):0{2 * (nbytes or 8)}x}"

    secrets.token_hex = word
    try:
        yield
    finally:
        secrets.token_hex = drawn


async def write_history(psd: Any) -> None:
    """Write everything that this runtime can, into an empty store."""
    with counted_words():
        await book(psd, history())
        if hasattr(psd, "boards"):
            await write_boards(psd)
        if hasattr(psd, "rewards_job") or hasattr(psd, "part"):
            await write_rewards(psd)


def named(name: str, *modules: str) -> Any:
    """What has this name in the first of these modules of psd that is there."""
    for module in modules:
        with suppress(ImportError):
            return getattr(import_module(f"psd.{module}"), name)
    raise AssertionError(f"{name} is in none of {modules}")


async def write_boards(psd: Any) -> None:
    """A board with members and a final, and one that moves on."""
    definition = named("Definition", "queries.boards.definitions", "queries.board_definitions")
    window = named(
        "FixedWindow", "queries.boards.board_windows", "queries.boards.windows", "queries.boards"
    )
    april = window(NOON_S - DAY_S, NOON_S + 30 * DAY_S)
    await psd.boards.put("april", definition(thing="steps", window=april), "me", members=[1, 2, 6])
    await psd.finals.declare("april", "me")
    await psd.boards.put("all", definition(thing="calories", window=april), "you", members=None)


async def write_rewards(psd: Any) -> None:
    """Three vehicles of two owners, a week that was computed, and what people decided."""
    payout = named("Payout", "rewards.decisions", "rewards.ledger")
    week = named("week_of", "rewards.weeks")(WEEK_S)
    for vehicle, integration in ((7, "Smartcar"), (8, "Tesla"), (2**40, "AutoPi")):
        said = {"vehicle": vehicle, "owner": str(vehicle % 2), "vin": f"V{vehicle}", "time": WEEK_S}
        await send(psd, "vehicle", **said)
        await send(psd, "activity", vehicle=vehicle, integration=integration, time=WEEK_S)
    await send(psd, "earnings", vehicle=7, thing="promotions", points=500, time=WEEK_S, id="p-1")
    signals = psd.settings.things["signals"].id
    open_sources = named("open_sources", "rewards.sources.choice")
    settings, tables, job, ledger = rewards_of(psd)
    sources = open_sources((), settings, psd.engine, signals, tables)
    await job.calculate(tables, sources, week, week)
    await ledger.bar("0", "spoofed", "me")
    await ledger.override(week, 8, 5, "case 981", "me")
    paid = [payout(week, 7, "1000", "r-1", WRITTEN_AT_S)]
    if not hasattr(ledger, "turn"):
        await ledger.record(paid)
        return
    async with ledger.turn() as turn:
        await ledger.record(turn, week, paid)


def rewards_of(psd: Any) -> tuple[Any, Any, Any, Any]:
    """Section, tables, job and ledger; they were the runtime's own before rewards were a domain."""
    if hasattr(psd, "rewards_job"):
        return psd.settings.rewards, psd.tables, psd.rewards_job, psd.ledger
    part = psd.part(named("RewardsPart", "rewards.part"))
    section = psd.settings.of(named("RewardsSettings", "rewards.settings"))
    return section, part.tables, part.job, part.ledger


async def send(psd: Any, command: str, **fields: Any) -> None:
    """Book one message as a worker would."""
    body = msgspec.json.encode({"command": command, command: fields})
    for outcome in await psd.books.book(psd.rules.events(body, WRITTEN_AT_S, "m")):
        assert outcome.error is None, outcome
