"""Asking the store which reports stand (psd/engine/windows.py): one script call an owner.

A call ends after RECORDS_MAX records, which are some 10 ms; the rest of its windows is asked for
in the next trip. Only windows of activities with thousands of reports need more than one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgpack

from psd.engine.windows import ABSENT, WITHDRAWN, StandingReport, Window
from psd.store.codec import pack_id
from psd.store.redis import Store
from psd.store.scripts import Script

WINDOWS_MAX = 1000
"""Windows of one script call."""

RECORDS_MAX = 10_000
"""Records after which a call ends: unpacking one costs Redis some 0.8 us."""


class ReportReader:
    """Asks the store, each owner in calls of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._script = Script("engine.reported")

    async def standing(self, windows: Sequence[Window]) -> list[StandingReport]:
        """What stands in each window, by position.

        One trip with a call an owner, and another for those whose calls ended early.
        """
        found: list[StandingReport] = [ABSENT] * len(windows)
        waiting = [*_pages(windows, (await self._store.placed()).owner_root)]
        while waiting:
            commands = [
                ("EVALSHA", self._script.sha, 1, root, _packed(windows, places), RECORDS_MAX)
                for root, places in waiting
            ]
            replies = await self._store.reads.call_all(commands)
            rest: list[tuple[str, list[int]]] = []
            for (root, places), reply in zip(waiting, replies, strict=True):
                for place, told in zip(places, reply, strict=False):
                    found[place] = _standing(told)
                if len(reply) < len(places):
                    rest.append((root, places[len(reply) :]))
            waiting = rest
        return found


def _pages(
    windows: Sequence[Window], root_of: Callable[[int], str]
) -> Iterator[tuple[str, list[int]]]:
    """The places of each owner's windows, at most WINDOWS_MAX together."""
    by_owner: dict[int, list[int]] = defaultdict(list)
    for place, window in enumerate(windows):
        by_owner[window.uid].append(place)
    for uid, places in by_owner.items():
        for start in range(0, len(places), WINDOWS_MAX):
            yield root_of(uid), places[start : start + WINDOWS_MAX]


def _packed(windows: Sequence[Window], places: Sequence[int]) -> bytes:
    rows = [
        (windows[at].thing, pack_id(windows[at].aid), windows[at].ts1, windows[at].ts2)
        for at in places
    ]
    packed: bytes = msgpack.packb(rows, use_bin_type=False)
    return packed


def _standing(told: Any) -> StandingReport:
    if isinstance(told, int):
        return WITHDRAWN if told else ABSENT
    atid, value = told
    return StandingReport("booked", int(atid), value)
