"""Fuses: who may begin, who has to stop, and who waits."""

from __future__ import annotations

from typing import Any

from psd.charging.fuses import Behind, Fuse, FuseBoard
from psd.charging.plugs.plug import Plug
from psd.charging.plugs.plug_readings import PlugReading
from psd.charging.plugs.plug_rings import PlugRing
from psd.charging.plugs.states import PlugState

NOW_MS = 1_723_939_200_000
S = PlugState
SETTLE_MS = 60_000


def behind(name: str, state: PlugState, *amps: float, limit: int = 16, **more: Any) -> Behind:
    """A plug whose newest readings, 2 s apart, end now."""
    fuse = more.pop("fuse", "f1")
    readings = [
        PlugReading(NOW_MS - 2000 * (len(amps) - 1 - at), round(each * 1000), 240_000)
        for at, each in enumerate(amps)
    ]
    return Behind(name, Plug(state=state, **more), limit * 1000, fuse, PlugRing.of(*readings))


def settled(name: str, *amps: float, **more: Any) -> Behind:
    return behind(name, S.CHARGING, *amps, charge_start_ms=NOW_MS - SETTLE_MS, **more)


def waiting(name: str, since: int, **more: Any) -> Behind:
    return behind(name, S.IN_QUEUE, queue_entered_ms=since, **more)


def board(*plugs: Behind, fuses: dict[str, Fuse] | None = None, f1: int = 32) -> FuseBoard:
    known = {"": Fuse(), "f1": Fuse(f1 * 1000)} | (fuses or {})
    return FuseBoard(known, plugs, NOW_MS, SETTLE_MS)


def test_a_plug_that_starts_holds_its_limit_and_a_settled_one_a_tenth_over_what_it_drew() -> None:
    starting = behind("p1", S.SENSING_START_ISSUED_LOCALLY, 0)
    young = behind("p2", S.CHARGING, 3, charge_start_ms=NOW_MS - SETTLE_MS + 1)
    old = settled("p3", 10.001, 8)
    idle = behind("p4", S.ACCOUNT_NULL, 2)
    load = board(starting, young, old, idle).loads()["f1"]
    assert load.reserved_ma == 16_000 + 16_000 + 11_002 + 2_000
    assert load.current_ma == 3_000 + 8_000 + 2_000


def test_whoever_waits_longest_is_let_in_first_and_nobody_passes() -> None:
    first, second = waiting("p3", 1), waiting("p4", 2, limit=6)
    assert board(settled("p1", 10), first, second).admitted() == {"p3"}
    # 11 and 11 leave 10 of 32: p3 has no room, and p4, which would have, is behind it.
    full = board(settled("p1", 10), settled("p2", 10), first, second)
    assert full.admitted() == set()
    assert full.positions == {"p3": 1, "p4": 2}
    assert board(settled("p1", 4), settled("p2", 4), first, second).admitted() == {"p3", "p4"}


def test_whoever_waits_longest_at_each_fuse_is_its_head() -> None:
    plugs = [waiting("p1", 3), waiting("p2", 1), waiting("p3", 2, fuse="f2")]
    assert board(*plugs).heads() == {"p2", "p3"}
    assert board(*plugs).heads({"p2", "p3"}) == {"p1"}


def test_those_of_one_millisecond_come_by_name_and_all_that_fit_come_at_once() -> None:
    plugs = [waiting(name, 7) for name in ("p3", "p1", "p2")]
    assert board(*plugs).admitted() == {"p1", "p2"}


def test_each_fuse_before_a_plug_counts_and_holds_up_only_who_needs_it() -> None:
    fuses = {"f1": Fuse(20_000, "main"), "f2": Fuse(32_000, "main"), "main": Fuse(40_000)}
    drawing = settled("p1", 10, fuse="f1")
    one, other = waiting("p2", 1, fuse="f1"), waiting("p3", 2, fuse="f2")
    # f1 has no room for p2; main has 29 left, and p3 does not need f1.
    assert board(drawing, one, other, fuses=fuses).admitted() == {"p3"}
    large = waiting("p4", 1, fuse="f2", limit=30)
    # main has no room for p4, so nobody behind it gets what main has.
    assert board(drawing, large, other, fuses=fuses).admitted() == set()


def test_the_site_is_before_all_fuses_and_a_circle_of_fuses_ends() -> None:
    site = {"": Fuse(16_000), "f1": Fuse(32_000, "f2"), "f2": Fuse(0, "f1")}
    plugs = waiting("p1", 1), waiting("p2", 2)
    assert board(*plugs, fuses=site).admitted() == {"p1"}
    assert board(*plugs, fuses=site).loads()[""].queue == ("p1", "p2")


def test_a_plug_without_a_limit_counts_as_its_least_fuse_and_one_that_is_too_large_is_told() -> (
    None
):
    assert board(waiting("p1", 1, limit=0), waiting("p2", 2)).admitted() == {"p1"}
    told = board(behind("p1", S.ACCOUNT_NULL, limit=40)).too_large("p1")
    assert told == "current_limit of plug p1 is 40 A, that of fuse f1 32 A"
    assert board(behind("p1", S.ACCOUNT_NULL, limit=32)).too_large("p1") == ""


def test_a_fuse_over_its_limit_at_three_readings_of_5_s_sheds_the_last_that_came() -> None:
    first = settled("p1", 14, 14, 14, admitted_ms=1)
    last = settled("p2", 19, 19, 19, admitted_ms=2)
    assert board(first, last).shed() == {"p2"}
    assert board(first, settled("p2", 17, 19, 19, admitted_ms=2)).shed() == set()
    assert board(settled("p1", 14, 14), settled("p2", 19, 19)).shed() == set()


def test_it_sheds_until_it_is_at_nine_tenths_and_no_further() -> None:
    plugs = [settled(f"p{at}", 12, 12, 12, admitted_ms=at) for at in range(4)]
    assert board(*plugs).shed() == {"p2", "p3"}
    # 28.8 of 32 is what is let be.
    first, second = settled("p1", *[28.8] * 3), settled("p2", *[4] * 3, admitted_ms=1)
    assert board(first, second).shed() == {"p2"}


def test_what_was_told_to_stop_counts_again_after_ten_seconds() -> None:
    told = {"command_id": "c", "command_on": False, "admitted_ms": 9}
    leaving = behind("p1", S.IN_QUEUE, 20, 20, 20, command_ms=NOW_MS - 9_999, **told)
    staying = behind("p1", S.IN_QUEUE, 20, 20, 20, command_ms=NOW_MS - 10_000, **told)
    other = settled("p2", 14, 14, 14)
    assert board(leaving, other).shed() == set()
    assert board(staying, other).shed() == {"p2"}


def test_currents_that_are_old_say_nothing_of_now() -> None:
    old = Behind(
        "p1",
        Plug(state=S.CHARGING),
        16_000,
        "f1",
        PlugRing.of(PlugReading(NOW_MS - 30_001, 16_000, 240_000)),
    )
    assert board(old).loads()["f1"].current_ma == 0
    # Its reserve is what it drew: it may do so still.
    assert board(old).loads()["f1"].reserved_ma == 16_000
