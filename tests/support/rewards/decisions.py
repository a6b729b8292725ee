"""Decisions of every kind, made on a runtime, and what plain dictionaries say came of them.

>>> deeds = random_deeds(random.Random(7), "a", 40)
>>> for deed in deeds:
...     await perform(psd, deed)
>>> await told(psd) == plain(deeds)
True
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from psd.archive.decisions import is_decision
from psd.archive.reader import END_MS, read_entries
from psd.errors import NotFoundError
from psd.queries.boards.board_windows import RollingWindow
from psd.queries.boards.definitions import Definition
from psd.queries.boards.staging import StagedChange
from psd.rewards.decisions import Payout
from psd.rewards.part import RewardsPart
from psd.runtime import Runtime
from tests.support.rewards.reward_job import Fleet

KINDS = ("bar", "unbar", "override", "drop_override", "pay", "define", "drop", "members", "final")
WEEK = 10
PLACES = 3
"""Subjects of each kind: few, so that decisions meet."""


class Deed(msgspec.Struct, frozen=True):
    """One decision to make; ``text`` is what tells it from others about the same subject."""

    kind: str
    subject: int
    place: str
    text: str
    add: list[int] = []
    remove: list[int] = []
    is_all: bool = False

    @property
    def name(self) -> str:
        """An owner's, or a board's."""
        return f"{self.place}-{self.subject}"

    @property
    def vehicle(self) -> int:
        """A vehicle of this place alone."""
        return 1000 * (ord(self.place[0]) - 96) + self.subject

    @property
    def number(self) -> int:
        """The text as a number."""
        return int(self.text.rpartition("-")[2])


def random_deeds(rng: random.Random, place: str, number: int, first: int = 0) -> list[Deed]:
    """Decisions about the subjects of one place."""
    return [_random_deed(rng, place, at) for at in range(first, first + number)]


def _random_deed(rng: random.Random, place: str, at: int) -> Deed:
    weights = (2, 1, 2, 1, 3, 4, 1, 8, 2)
    (kind,) = rng.choices(KINDS, weights)
    deed = Deed(kind, rng.randrange(PLACES), place, f"{place}-{at}")
    if kind != "members":
        return deed
    uids = rng.sample(range(-20, 60), rng.randint(0, 12))
    cut = rng.randint(0, len(uids))
    is_all = rng.random() < 0.2
    if rng.random() < 0.05:
        uids, cut = [*uids, *range(100, 2400)], len(uids) + 2300
    return msgspec.structs.replace(
        deed, add=uids[:cut], remove=[] if is_all else uids[cut:], is_all=is_all
    )


async def perform(psd: Runtime, deed: Deed) -> None:
    """Make one decision; about what is not there, none."""
    with contextlib.suppress(NotFoundError):
        await (_about_boards if deed.kind in KINDS[5:] else _about_rewards)(psd, deed)


async def _about_rewards(psd: Runtime, deed: Deed) -> None:
    ledger = psd.part(RewardsPart).ledger
    if deed.kind == "bar":
        await ledger.bar(deed.name, deed.text, "ops")
    elif deed.kind == "unbar":
        await ledger.unbar(deed.name)
    elif deed.kind == "override":
        await ledger.override(WEEK, deed.vehicle, deed.number, deed.text, "ops")
    elif deed.kind == "drop_override":
        await ledger.drop_override(WEEK, deed.vehicle)
    else:
        paid = Payout(WEEK, deed.vehicle, str(deed.number), deed.text, 1)
        async with ledger.turn() as turn:
            await ledger.record(turn, WEEK, [paid])


async def _about_boards(psd: Runtime, deed: Deed) -> None:
    boards = psd.boards
    if deed.kind == "define":
        window = RollingWindow(seconds=60)
        await boards.put(deed.name, Definition("steps", window, title=deed.text), "ops")
    elif deed.kind == "drop":
        await boards.drop(deed.name)
    elif deed.kind == "members":
        await boards.make_change(deed.name, StagedChange(deed.add, deed.remove, deed.is_all))
    else:
        board = await boards.get(deed.name)
        await boards.keep_final(board, deed.text.encode(), again=True)


def plain(deeds: Iterable[Deed]) -> dict[str, Any]:
    """What stands after these decisions."""
    stands: dict[str, Any] = {"blacklist": {}, "overrides": {}, "payouts": {}, "boards": {}}
    for each in deeds:
        if each.kind in KINDS[5:]:
            _decide_about_boards(stands["boards"], each)
        else:
            _decide_about_rewards(stands, each)
    return stands


def _decide_about_rewards(stands: dict[str, Any], deed: Deed) -> None:
    match deed.kind:
        case "bar":
            stands["blacklist"].setdefault(deed.name, deed.text)
        case "unbar":
            stands["blacklist"].pop(deed.name, None)
        case "override":
            stands["overrides"][deed.vehicle] = deed.number
        case "drop_override":
            stands["overrides"].pop(deed.vehicle, None)
        case "pay":
            stands["payouts"][deed.vehicle] = deed.number


def _decide_about_boards(boards: dict[str, list[Any]], deed: Deed) -> None:
    if deed.kind == "define":
        boards.setdefault(deed.name, ["", [], None])[0] = deed.text
    if deed.kind == "drop":
        boards.pop(deed.name, None)
    if (board := boards.get(deed.name)) is None:
        return
    if deed.kind == "members":
        kept = set() if deed.is_all else set(board[1]) - set(deed.remove)
        board[1] = sorted(kept | set(deed.add))
    if deed.kind == "final":
        board[2] = deed.text


async def told(psd: Runtime, places: Sequence[str] = ("a",)) -> dict[str, Any]:
    """What stands by the store."""
    subjects = [Deed("", at, place, "") for place in places for at in range(PLACES)]
    vehicles = [each.vehicle for each in subjects]
    payouts = await psd.part(RewardsPart).ledger.payouts(vehicles, WEEK)
    boards: dict[str, list[Any]] = {}
    for board in await psd.boards.page("", 1000):
        final = await psd.boards.final(board)
        members = await psd.boards.members_of(board)
        told_final = None if final is None else final.decode()
        boards[board.name] = [board.definition.title, members, told_final]
    return {
        "blacklist": {
            each.owner: each.note
            for each in (await psd.part(RewardsPart).ledger.blacklist()).values()
        },
        "overrides": {
            each.vehicle: each.streak for each in await psd.part(RewardsPart).ledger.overrides()
        },
        "payouts": {number: int(each.tokens) for number, each in payouts.items()},
        "boards": boards,
    }


def decisions_in(folder: Path) -> list[bytes]:
    """The decisions that an archive has, as they stand there."""
    return [each.body for each in read_entries(folder, 0, END_MS) if is_decision(each)]


async def a_computed_week(fleet: Fleet) -> None:
    """Two vehicles that drove in week 0, which is computed."""
    for vehicle, owner in ((1, 42), (2, 43)):
        await fleet.drive(0, vehicle, "Smartcar")
        await fleet.send("vehicle", vehicle=vehicle, owner=owner)
    await fleet.calculate(0, start=0)
