"""Fuses: who may begin to charge, and who has to stop. Pure, in milliamperes.

Plugs stand behind fuses, fuses behind others, and all of them behind the site's own. A plug holds a
*reserve* at each of them: its whole limit while it starts, and from ``settle_s`` after its charge
began 1.1 times the most that it has drawn of late. A fuse of 32 A, plugs of 16 A::

    p1 charges with 10 A: reserves 11      p2 starts: reserves 16      5 A are left
    p3 (since 12:00), p4 (since 12:01) wait          -> nobody is admitted
    p2 settles at 8 A: reserves 8.8                  -> p3 needs 16 of 12.2, and p4 waits behind it
    p1 goes                                          -> p3

The queue is strict: nobody passes whoever waits before him at a fuse without room, so nobody
starves. A fuse whose newest currents were over its limit at every reading of ``OVER_MS`` sheds the
plugs that were admitted last, until it is at 0.9 of its limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import cached_property

import msgspec

from psd.charging.plugs.plug import Plug
from psd.charging.plugs.plug_rings import PlugRing
from psd.charging.plugs.states import PlugState

SITE = ""
"""The name of the site's own fuse, behind which all others stand."""

OVER_MS = 5_000
OVER_READINGS = 3
OVER_SPAN_MS = 3_500
"""From the first of these readings to the last: a site reads each 2 s, more or less."""

FRESH_MS = 30_000
"""Older readings say nothing of now."""

SHED_TO_TENTHS = 9
MARGIN_TENTHS = 11
LEAVING_MS = 10_000
"""A plug that was told to stop draws nothing from this on, or counts again."""

STARTING = frozenset(
    {
        PlugState.SENSING_START_REQUESTED,
        PlugState.SENSING_START_ISSUED_LOCALLY,
        PlugState.SENSING_START_NOT_RESPONDING,
        PlugState.SENSING_CHARGE,
    }
)
"""In these a plug may draw its whole limit at any moment."""

DRAWING = (PlugState.SENSING_CHARGE, PlugState.CHARGING)
"""In these it can be shed."""


class Fuse(msgspec.Struct, frozen=True):
    """A limit, 0 for none, and the fuse before it."""

    limit_ma: int = 0
    parent: str = SITE


class Behind(msgspec.Struct, frozen=True):
    """A plug, its own limit (0 for none), and its newest readings in order."""

    name: str
    plug: Plug
    limit_ma: int
    fuse: str
    ring: PlugRing

    @property
    def turn(self) -> tuple[int, str]:
        """Its place in the order of the queue."""
        return self.plug.queue_entered_ms, self.name


class FuseLoad(msgspec.Struct, frozen=True):
    """What a fuse carries: the newest currents, and what is reserved; is it at its limit."""

    limit_ma: int
    parent: str
    current_ma: int
    reserved_ma: int
    queue: tuple[str, ...]
    is_limiting: bool


class FuseBoard:
    """The fuses of a site at an instant, and all plugs behind them."""

    def __init__(
        self, fuses: Mapping[str, Fuse], behind: Sequence[Behind], now_ms: int, settle_ms: int
    ) -> None:
        self._fuses = fuses
        self._behind = behind
        self._now_ms = now_ms
        self._settle_ms = settle_ms
        chains = {fuse: self._chain(fuse) for fuse in {each.fuse for each in behind}}
        self._chains = {each.name: chains[each.fuse] for each in behind}

    def admitted(self) -> set[str]:
        """Plugs that leave the queue now, whoever waits longest first."""
        reserved = self._reserved()
        blocked: set[str] = set()
        found = set()
        for each in self.waiting:
            chain, need = self._chains[each.name], self._need(each)
            without = [
                name
                for name in chain
                if self._limit(name) and reserved.get(name, 0) + need > self._limit(name)
            ]
            if without or blocked & {*chain}:
                # Behind it nobody gets what it waits for; its own fuse has one queue.
                blocked |= {*without, each.fuse}
                continue
            found.add(each.name)
            for name in chain:
                reserved[name] = reserved.get(name, 0) + need
        return found

    def shed(self) -> set[str]:
        """Plugs that have to stop, whoever was admitted last first."""
        found: set[str] = set()
        behind = self._below(self._behind)
        for name in sorted(self._fuses):
            limit, below = self._limit(name), behind.get(name, [])
            if not limit or not self._is_over(below, limit):
                continue
            left = self._sum_at(below, self._now_ms, found)
            drawing = [
                each for each in below if each.plug.place in DRAWING and each.name not in found
            ]
            for each in sorted(drawing, key=_admission, reverse=True):
                if left * 10 <= limit * SHED_TO_TENTHS:
                    break
                found.add(each.name)
                left -= _current(each, self._now_ms)
        return found

    @cached_property
    def waiting(self) -> Sequence[Behind]:
        """Plugs in the queue, whoever waits longest first."""
        queued = [each for each in self._behind if each.plug.place is PlugState.IN_QUEUE]
        return sorted(queued, key=lambda each: each.turn)

    def heads(self, admitted: Container[str] = ()) -> set[str]:
        """Whoever waits longest at each fuse when these have left the queue.

        Nobody behind him is let in before him.
        """
        found: dict[str, str] = {}
        for each in self.waiting:
            if each.name not in admitted:
                found.setdefault(each.fuse, each.name)
        return {*found.values()}

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """The place of each plug that waits in the queue of its fuse, from 1 on."""
        found: dict[str, int] = {}
        before: Counter[str] = Counter()
        for each in self.waiting:
            before[each.fuse] += 1
            found[each.name] = before[each.fuse]
        return found

    def too_large(self, name: str) -> str:
        """Why a plug can never be admitted; empty where it can."""
        each = next(each for each in self._behind if each.name == name)
        for fuse in self._chains[name]:
            if self._limit(fuse) and each.limit_ma > self._limit(fuse):
                told = f"fuse {fuse}" if fuse else "the site"
                return (
                    f"current_limit of plug {name} is {each.limit_ma / 1000:g} A, "
                    f"that of {told} {self._limit(fuse) / 1000:g} A"
                )
        return ""

    def loads(self) -> dict[str, FuseLoad]:
        """What each fuse carries; one that is not set has no limit."""
        reserved, below = self._reserved(), self._below(self._behind)
        queues = self._below(self.waiting)
        found = {}
        for name in sorted({*self._fuses, *below}):
            current = self._sum_at(below.get(name, ()), self._now_ms, set())
            limit = self._limit(name)
            queue = tuple(each.name for each in queues.get(name, ()))
            is_over = bool(limit) and current > limit
            parent = self._fuses.get(name, Fuse()).parent
            found[name] = FuseLoad(
                limit, parent, current, reserved.get(name, 0), queue, bool(queue) or is_over
            )
        return found

    def _below(self, behind: Iterable[Behind]) -> dict[str, list[Behind]]:
        """Plugs by each of the fuses that they are behind, in their order."""
        found: dict[str, list[Behind]] = {}
        for each in behind:
            for name in self._chains[each.name]:
                found.setdefault(name, []).append(each)
        return found

    def _chain(self, fuse: str) -> tuple[str, ...]:
        """A fuse and those before it, the site's last; a circle ends where it closes."""
        found: list[str] = []
        while fuse and fuse not in found:
            found.append(fuse)
            fuse = self._fuses.get(fuse, Fuse()).parent
        return (*found, SITE)

    def _limit(self, name: str) -> int:
        fuse = self._fuses.get(name)
        return 0 if fuse is None else fuse.limit_ma

    def _reserved(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for each in self._behind:
            reserve = self._reserve(each)
            for name in self._chains[each.name]:
                found[name] = found.get(name, 0) + reserve
        return found

    def _reserve(self, each: Behind) -> int:
        """What a plug holds at its fuses."""
        place = each.plug.place
        settling = self._now_ms - each.plug.charge_start_ms < self._settle_ms
        if place in STARTING or (place is PlugState.CHARGING and settling):
            return max(self._need(each), _current(each, self._now_ms))
        if place is not PlugState.CHARGING:
            return _current(each, self._now_ms)
        likely = -(-each.ring.most_ma * MARGIN_TENTHS // 10)
        # What it draws past its own limit is drawn all the same.
        return max(min(each.limit_ma or likely, likely), _current(each, self._now_ms))

    def _need(self, each: Behind) -> int:
        """The most that a plug may draw; of one without a limit the least of its fuses'."""
        if each.limit_ma:
            return each.limit_ma
        limits = [self._limit(name) for name in self._chains[each.name] if self._limit(name)]
        return min(limits, default=0)

    def _is_over(self, below: Sequence[Behind], limit: int) -> bool:
        """Whether the sum is over the limit, and was at each of the newest readings."""
        if self._sum_at(below, self._now_ms, set()) <= limit:
            return False
        window = self._now_ms - OVER_MS, self._now_ms
        instants = {ms for plug in below for ms in plug.ring.instants(*window)}
        if len(instants) < OVER_READINGS or max(instants) - min(instants) < OVER_SPAN_MS:
            return False
        return all(self._sum_at(below, ms, set()) > limit for ms in instants)

    def _sum_at(self, below: Iterable[Behind], at_ms: int, without: set[str]) -> int:
        """The newest currents at an instant, but of those who were told to stop."""
        return sum(
            _current(each, at_ms)
            for each in below
            if each.name not in without and not _is_leaving(each.plug, self._now_ms)
        )


def _admission(each: Behind) -> tuple[int, int, str]:
    return each.plug.admitted_ms, each.plug.queue_entered_ms, each.name


def _current(each: Behind, at_ms: int) -> int:
    """The newest current of a plug at an instant; 0 where nothing was read of late."""
    return each.ring.current_at(at_ms, FRESH_MS)


def _is_leaving(plug: Plug, now_ms: int) -> bool:
    """Whether a site was told a moment ago to switch a plug off."""
    is_told = bool(plug.command_id) and not plug.command_on
    return is_told and now_ms - plug.command_ms < LEAVING_MS
