"""Who passed whom on a board, and when to the second: asked of the sums themselves.

The range is cut into edges, and sums between them tell in which piece somebody got past somebody;
that piece is cut again, until it is a second. Of a week and ten users: one question of 400 pieces,
and for each of the newest twelve two more, of two users each::

    week of 604,800 s -> pieces of 1,516 s -> pieces of 4 s -> seconds

What is booked in a second counts after it, as everywhere, so an overtake at 12:00:00 is seen by a
board as of 12:00:01.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from psd.clock import utc_text
from psd.engine.plan import Range
from psd.engine.reads import Reads
from psd.engine.series import BucketQuestion
from server.pages.board_tables import Crossing, edges_of, overtakes, passed

EDGES = 400
OVERTAKES_MAX = 12


class RaceScope(msgspec.Struct, frozen=True):
    """What counts on a board."""

    thing: int
    atids: frozenset[int] | None
    range_: Range


class Overtake(msgspec.Struct, frozen=True):
    """Somebody passed somebody in a second."""

    uid: str
    other: str
    at: str


class Overtaking:
    """Finds overtakes."""

    def __init__(self, engine: Reads) -> None:
        self._engine = engine

    async def newest(self, users: Mapping[str, int], scope: RaceScope) -> list[Overtake]:
        """The newest overtakes among users, whose numbers stand by their names."""
        edges = edges_of(scope.range_.start, scope.range_.end, EDGES)
        crossings = overtakes(edges, await self._sums(users, scope, edges))
        exact = (self._exact(each, users, scope) for each in crossings[:OVERTAKES_MAX])
        found = await asyncio.gather(*exact)
        found.sort(key=lambda each: (each.until, each.uid, each.other), reverse=True)
        return [Overtake(each.uid, each.other, utc_text(each.until - 1)) for each in found]

    async def _exact(
        self, crossing: Crossing, users: Mapping[str, int], scope: RaceScope
    ) -> Crossing:
        """The second of a crossing, of which a piece is known."""
        pair = {name: users[name] for name in (crossing.uid, crossing.other)}
        while crossing.until - crossing.after > 1:
            inner = edges_of(crossing.after, crossing.until, EDGES)
            # What was before is one piece more, so that sums go on from where they were.
            edges = [scope.range_.start, *inner] if inner[0] > scope.range_.start else inner
            after, until = passed(edges, *(await self._sums(pair, scope, edges)).values())
            crossing = msgspec.structs.replace(crossing, after=after, until=until)
        return crossing

    async def _sums(
        self, users: Mapping[str, int], scope: RaceScope, edges: Sequence[int]
    ) -> dict[str, list[int]]:
        question = BucketQuestion(scope.thing, edges, scope.atids)
        found = await self._engine.series([*users.values()], question)
        return {
            name: [*each[None].sums] if None in each else [0] * (len(edges) - 1)
            for name, each in zip(users, found, strict=True)
        }
