"""Fuses against random yards: who is let in, who is shed, and that nobody waits for ever.

A yard is a tree of fuses with plugs in any state behind them, made of a seed.
"""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from psd.charging.fuses import Behind, Fuse, FuseBoard
from psd.charging.plugs.plug import Plug
from psd.charging.plugs.plug_readings import PlugReading
from psd.charging.plugs.plug_rings import PlugRing
from psd.charging.plugs.states import PlugState

NOW_MS = 1_723_939_200_000
SETTLE_MS = 60_000
STATES = (
    PlugState.ACCOUNT_NULL,
    PlugState.IN_QUEUE,
    PlugState.IN_QUEUE,
    PlugState.SENSING_START_ISSUED_LOCALLY,
    PlugState.SENSING_CHARGE,
    PlugState.CHARGING,
)


def yard(rng: random.Random) -> tuple[dict[str, Fuse], list[Behind]]:
    """A tree of fuses, some without a limit, and plugs in any state behind them."""
    names = [f"f{at}" for at in range(rng.randint(1, 4))]
    fuses = {"": Fuse(rng.choice([0, 40_000, 80_000]))}
    for at, name in enumerate(names):
        parent = rng.choice(["", *names[:at]])
        fuses[name] = Fuse(rng.choice([0, 16_000, 32_000, 63_000]), parent)
    plugs = []
    for at in range(rng.randint(1, 12)):
        state = rng.choice(STATES)
        limit = rng.choice([6_000, 10_000, 16_000])
        most = 0 if state is PlugState.IN_QUEUE else limit
        ring = [
            PlugReading(NOW_MS - 2000 * (4 - n), rng.randint(0, most), 240_000) for n in range(5)
        ]
        plug = Plug(
            state=state,
            queue_entered_ms=rng.randint(1, 9),
            admitted_ms=rng.randint(1, 9),
            charge_start_ms=NOW_MS - rng.choice([0, SETTLE_MS]),
        )
        plugs.append(Behind(f"p{at}", plug, limit, rng.choice(names), PlugRing.of(*ring)))
    return fuses, plugs


def board(fuses: dict[str, Fuse], plugs: list[Behind]) -> FuseBoard:
    return FuseBoard(fuses, plugs, NOW_MS, SETTLE_MS)


def let_in(plugs: list[Behind], admitted: set[str]) -> list[Behind]:
    return [
        replace(each, plug=replace(each.plug, state=PlugState.SENSING_START_REQUESTED))
        if each.name in admitted
        else each
        for each in plugs
    ]


@pytest.mark.parametrize("seed", range(300))
def test_whoever_is_let_in_fits_at_every_fuse_and_nobody_of_a_fuse_is_passed(seed: int) -> None:
    fuses, plugs = yard(random.Random(f"yard {seed}"))
    before = board(fuses, plugs)
    admitted = before.admitted()
    after = board(fuses, let_in(plugs, admitted)).loads()
    for name, load in before.loads().items():
        if load.limit_ma and after[name].reserved_ma > load.reserved_ma:
            assert after[name].reserved_ma <= load.limit_ma, name
    for fuse in fuses:
        queue = [each.name for each in before.waiting if each.fuse == fuse]
        in_order = [name in admitted for name in queue]
        assert in_order == sorted(in_order, reverse=True), fuse


@pytest.mark.parametrize("seed", range(100))
def test_nobody_who_can_be_carried_waits_for_ever(seed: int) -> None:
    fuses, plugs = yard(random.Random(f"queue {seed}"))
    plugs = [each for each in plugs if not board(fuses, plugs).too_large(each.name)]
    left = [each for each in plugs if each.plug.place is PlugState.IN_QUEUE]
    for _ in range(len(left) + 1):
        admitted = board(fuses, left).admitted()
        # Each charge ends before the next look.
        left = [each for each in left if each.name not in admitted]
    assert left == []


@pytest.mark.parametrize("seed", range(300))
def test_what_is_shed_is_the_last_that_came_and_what_is_left_is_under_the_limit(seed: int) -> None:
    fuses, plugs = yard(random.Random(f"shed {seed}"))
    before = board(fuses, plugs)
    shed = before.shed()
    drawing = {each.name for each in plugs if each.plug.place in (14, 15)}
    assert shed <= drawing
    for name, load in before.loads().items():
        below = [each for each in plugs if name in before._chains[each.name]]
        over = [sum(each.ring[at].ma for each in below) > load.limit_ma for at in range(2, 5)]
        if not load.limit_ma or not all(over):
            continue
        left = sum(each.ring[-1].ma for each in below if each.name not in shed)
        nobody_left = not {each.name for each in below} & (drawing - shed)
        assert left * 10 <= load.limit_ma * 9 or nobody_left, name
