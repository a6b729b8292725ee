"""What waits for a lane's next trip, and whose turn it is. Pure; the lane sends.

While all that waits costs no more than one trip may, it goes in the order in which it came, in
one trip or in several. Past that groups of callers (psd/store/callers.py) take turns (deficit round
robin): a round gives each QUANTUM_US of Redis, what costs more waits for several, and whoever has
just come goes first. So a single write of one goes with the next trip, whatever another has
waiting::

    waiting: 25 calls of 4 ms of a backfill, then 1 write of 0.03 ms of a phone
    trips of 10 ms:  [write, call, call] [call, call] [call, call] ...

Within a group its requests take turns, parcel by parcel; parcels of one caller keep their order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from psd.observe.spans import current_span
from psd.store.call_spans import CallSpan
from psd.store.callers import Caller
from psd.store.sending import Command
from psd.store.trail import Trail, trail_of

QUANTUM_US = 1_000.0
"""A round's share of a group: some 50 reports, or 15 sums."""


class Parcel:
    """Commands that travel in one trip, one behind the other, and who waits for their replies."""

    __slots__ = (
        *("call", "caller", "commands", "cost_us", "future", "is_waiting", "since_s", "trails"),
    )

    def __init__(
        self,
        commands: tuple[Command, ...],
        cost_us: float,
        caller: Caller | None,
        future: asyncio.Future[list[Any]],
        since_s: float = 0.0,
    ) -> None:
        self.commands = commands
        self.cost_us = cost_us
        self.caller = caller
        self.future = future
        self.since_s = since_s
        self.is_waiting = False
        self.trails: Sequence[Trail | None] = ()
        self.call: CallSpan | None = None

    def follow(self, *, writes: bool) -> None:
        """From here on trail and trace of the request are told of it."""
        if writes:
            self.trails = [trail_of(command[0]) for command in self.commands]
        span = current_span()
        if span is not None and span.is_open:
            self.call = CallSpan(span, self.commands)
            self.future.add_done_callback(self.call.answered)

    @property
    def is_followed(self) -> bool:
        """Whether somebody is told when it leaves."""
        return bool(self.trails) or self.call is not None

    def note_sent(self) -> None:
        """It leaves for Redis."""
        if self.call is not None:
            self.call.sent()
        for trail in self.trails:
            if trail is not None:
                trail.sent()

    def note_unsent(self) -> None:
        """It had no connection."""
        for trail in self.trails:
            if trail is not None:
                trail.took_back()

    def take(self, replies: list[Any]) -> None:
        """It is answered, errors as those of psd."""
        for trail, reply in zip(self.trails, replies, strict=False):
            if trail is not None:
                trail.answered(reply)
        if not self.future.done():
            self.future.set_result(replies)

    @property
    def group(self) -> object:
        """Who takes turns with others."""
        return None if self.caller is None else self.caller.group


class _CallerGroup:
    """What one group has waiting, by caller, and how much of its share is left."""

    __slots__ = ("credit_us", "flows")

    def __init__(self) -> None:
        self.flows: dict[Caller | None, deque[Parcel]] = {}
        self.credit_us = QUANTUM_US

    def put(self, parcel: Parcel) -> None:
        flow = self.flows.get(parcel.caller)
        if flow is None:
            flow = self.flows[parcel.caller] = deque()
        flow.append(parcel)

    def head(self) -> Parcel | None:
        """The next parcel that somebody still waits for."""
        while self.flows:
            caller = next(iter(self.flows))
            flow = self.flows[caller]
            while flow and not _is_awaited(flow[0]):
                flow.popleft()
            if flow:
                return flow[0]
            del self.flows[caller]
        return None

    def take_head(self) -> None:
        """Take it off; the next is another caller's if there is one."""
        caller = next(iter(self.flows))
        flow = self.flows.pop(caller)
        flow.popleft()
        if flow:
            self.flows[caller] = flow


class FairQueue:
    """Parcels that wait; ``cost_us`` and ``commands`` add up what they hold."""

    def __init__(self) -> None:
        self._arrived: list[Parcel] = []
        self._fresh: dict[object, _CallerGroup] = {}
        self._others: dict[object, _CallerGroup] = {}
        self.cost_us = 0.0
        self.commands = 0

    def __bool__(self) -> bool:
        return self.commands > 0

    def put(self, parcel: Parcel) -> None:
        """One more waits."""
        self._arrived.append(parcel)
        parcel.is_waiting = True
        self.cost_us += parcel.cost_us
        self.commands += len(parcel.commands)

    def leave(self, parcel: Parcel) -> None:
        """A parcel no longer waits: it is taken, or its future is done. Others are passed over."""
        if not parcel.is_waiting:
            return
        parcel.is_waiting = False
        self.cost_us -= parcel.cost_us
        self.commands -= len(parcel.commands)
        if not self.commands:
            self._clear()

    def take(self, commands_max: int, cost_max_us: float) -> list[Parcel]:
        """The next trip: at least one parcel, then as many as stay within both limits."""
        if self.cost_us <= cost_max_us and not (self._fresh or self._others):
            return self._take_arrived(commands_max)
        self._group_arrived()
        taken: list[Parcel] = []
        room_us, room = cost_max_us, commands_max
        while (groups := self._in_turn(room_us < cost_max_us / 2)) is not None:
            due = self._due(groups)
            if due is None:
                continue
            group, parcel = due
            if taken and (parcel.cost_us > room_us or len(parcel.commands) > room):
                break
            group.take_head()
            group.credit_us -= parcel.cost_us
            room_us -= parcel.cost_us
            room -= len(parcel.commands)
            self.leave(parcel)
            taken.append(parcel)
        return taken

    def _take_arrived(self, commands_max: int) -> list[Parcel]:
        """The first of what waits, as long as nobody waits for long."""
        arrived, rest = self._arrived, self.commands > commands_max
        if not rest:
            self._clear()
        # Who has left took his commands along, and most have not.
        taken: list[Parcel] = []
        room = commands_max
        for at, parcel in enumerate(arrived):
            if rest and taken and len(parcel.commands) > room:
                self._arrived = arrived[at:]
                break
            if not parcel.future.done():
                taken.append(parcel)
                room -= len(parcel.commands)
            if rest:
                self.leave(parcel)
            parcel.is_waiting = False
        return taken

    def drain(self) -> list[Parcel]:
        """Everything that waits, in the order in which it came where it is one trip's."""
        waiting = list(self._all())
        for parcel in waiting:
            parcel.is_waiting = False
        self._clear()
        return waiting

    def held_us(self) -> dict[object, float]:
        """What each group has waiting; looks at all that waits."""
        held: dict[object, float] = {}
        for parcel in self._all():
            held[parcel.group] = held.get(parcel.group, 0.0) + parcel.cost_us
        return held

    def _all(self) -> Iterator[Parcel]:
        for groups in (self._fresh, self._others):
            for group in groups.values():
                for flow in group.flows.values():
                    yield from filter(_is_awaited, flow)
        yield from filter(_is_awaited, self._arrived)

    def _group_arrived(self) -> None:
        for parcel in self._arrived:
            name = parcel.group
            group = self._others.get(name) or self._fresh.get(name)
            if group is None:
                group = self._fresh[name] = _CallerGroup()
            group.put(parcel)
        self._arrived = []

    def _in_turn(self, is_half_spent: bool) -> dict[object, _CallerGroup] | None:
        """Those who have just come, but for no more than half of a trip if others wait."""
        if self._fresh and not (is_half_spent and self._others):
            return self._fresh
        return self._others or None

    def _due(self, groups: dict[object, _CallerGroup]) -> tuple[_CallerGroup, Parcel] | None:
        """The first of these groups and its next parcel, if its share is enough for that."""
        name, group = next(iter(groups.items()))
        parcel = group.head()
        if parcel is not None and parcel.cost_us <= group.credit_us:
            return group, parcel
        del groups[name]
        if parcel is not None:
            group.credit_us += QUANTUM_US
            self._others[name] = group
        return None

    def _clear(self) -> None:
        self._arrived = []
        if self._fresh or self._others:
            self._fresh.clear()
            self._others.clear()
        self.cost_us, self.commands = 0.0, 0


def _is_awaited(parcel: Parcel) -> bool:
    return parcel.is_waiting and not parcel.future.done()
