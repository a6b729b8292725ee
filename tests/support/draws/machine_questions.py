"""Questions to a psd that must be answered as the model answers them, or refused for a reason.

A refusal is allowed once a level has lost keys (``forgotten``); then the resolution that it names
must still be exact.

>>> questions = Questions(model, forgotten=set())
>>> await questions.sums(engine, [Range(0, 100), Range(100, 200)], atid=None)
[[5, 0, 0, 0], [7, 0, 0, 0]]
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from psd.engine.engine import Engine
from psd.engine.plan import Range
from psd.errors import DetailExpiredError
from tests.support.draws.machine_draws import COUNT_NAMES, THINGS, UIDS
from tests.support.plain.model import Model
from tests.support.stored.expiry import whole_units


class Questions:
    """What is asked about one model; ``refused`` counts the answers that have expired."""

    def __init__(self, model: Model, forgotten: set[str]) -> None:
        self._model = model
        self._forgotten = forgotten
        self.refused = 0

    async def sums(
        self, engine: Engine, ranges: Sequence[Range], atid: int | None
    ) -> list[list[int] | None]:
        """Sums by owner and thing of each range, checked; None where detail has expired."""
        replies = await asyncio.gather(
            *(engine.sums(UIDS, THINGS, [r] * len(UIDS), atid=atid) for r in ranges),
            return_exceptions=True,
        )
        found: list[list[int] | None] = []
        for range_, reply in zip(ranges, replies, strict=True):
            if isinstance(reply, DetailExpiredError):
                await self._check_refusal(engine, range_, atid, reply)
                found.append(None)
                continue
            if isinstance(reply, BaseException):
                raise reply
            sums = [owner.sums[thing] for owner in reply for thing in THINGS]
            assert sums == self._model_sums(range_, atid)
            found.append(sums)
        return found

    async def one_sum(self, engine: Engine, uid: int, thing: int, range_: Range) -> None:
        """One owner's sum of one thing, or its refusal, which then says nothing of the others."""
        try:
            [owner] = await engine.sums([uid], [thing], [range_])
        except DetailExpiredError:
            assert self._forgotten, "nothing has expired"
            self.refused += 1
            return
        assert owner.sums[thing] == self._model.sum(uid, thing, range_.start, range_.end)

    def _model_sums(self, range_: Range, atid: int | None) -> list[int]:
        return [
            self._model.sum(uid, thing, range_.start, range_.end, atid)
            for uid in UIDS
            for thing in THINGS
        ]

    async def _check_refusal(
        self, engine: Engine, range_: Range, atid: int | None, error: DetailExpiredError
    ) -> None:
        """A refusal needs a reason, and the resolution that it names is exact."""
        assert self._forgotten, "nothing has expired"
        self.refused += 1
        whole = whole_units(range_, error.resolution)
        found = await engine.sums(UIDS, THINGS, [whole] * len(UIDS), atid=atid)
        sums = [owner.sums[thing] for owner in found for thing in THINGS]
        assert sums == self._model_sums(whole, atid)

    async def all_else(
        self, engine: Engine, ranges: Sequence[Range], atid: int | None, pick: int
    ) -> None:
        """Activities and one activity's sum in the last range, and the counts of each."""
        asked = ranges[-1]
        uid, thing, aid = pick_activity(self._model, pick)
        activities, activity_sum, *counts = await asyncio.gather(
            engine.sums([uid], THINGS, [asked], atid=atid, activities=True),
            engine.activity_sum(uid, thing, aid, asked, atid),
            *(engine.counts(COUNT_NAMES, range_) for range_ in ranges),
            return_exceptions=True,
        )
        assert activity_sum == self._model.sum(uid, thing, asked.start, asked.end, atid, aid)
        self._check_activities(activities, uid, asked, atid)
        for range_, found in zip(ranges, counts, strict=True):
            if not isinstance(found, DetailExpiredError) or not self._forgotten:
                expected = [self._model.counted(n, range_.start, range_.end) for n in COUNT_NAMES]
                assert found == expected

    def _check_activities(self, reply: Any, uid: int, asked: Range, atid: int | None) -> None:
        if isinstance(reply, DetailExpiredError) and self._forgotten:
            self.refused += 1
            return
        [owner] = reply
        start, end = asked.start, asked.end
        assert owner.sums == {t: self._model.sum(uid, t, start, end, atid) for t in THINGS}
        types = self._model.types_of_activities(uid, THINGS, start, end, atid)
        assert owner.activities.keys() == types.keys()
        assert all(kind in types[aid] for aid, kind in owner.activities.items())


def pick_activity(model: Model, pick: int) -> tuple[int, int, int]:
    """Any activity of the model; a stranger where there is none."""
    known = model.all_activities() or [(3, 1, 1)]
    return known[pick % len(known)]
