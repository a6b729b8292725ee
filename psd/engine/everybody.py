"""Boards of everybody by columns, where the store has them whole.

A thing's columns are kept to the second, by the day, or not at all, and the store says which
(``psd:columns:modes``). Where a level has a lifetime, or ever had one, a column may lack what has
expired, or still hold it: then, and for what columns do not tell, owners are asked one by one. ::

    await everybody.vector(1, APRIL, levels, spend)    -> Vector(uids=..., values=..., newest_s=...)
    await everybody.vector(6, APRIL, levels, spend)    -> None: boards = false
"""

from __future__ import annotations

from psd.columns.column_plan import DAY_S
from psd.columns.column_reader import ColumnReader, EndedError, Spend
from psd.columns.vector import Vector
from psd.engine.plan import Levels, Range
from psd.engine.whole import checked_sum
from psd.store.keys import MODES_KEY
from psd.store.redis import Store

TO_THE_SECOND, BY_THE_DAY = b"second", b"day"


class EverybodyReader:
    """Asks the columns, and knows of which things there are any."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._columns = ColumnReader(store)
        self._modes: dict[int, bytes] = {}
        self._modes_of = -1

    async def vector(
        self, thing: int, range_: Range, levels: Levels, spend: Spend
    ) -> Vector | None:
        """The sums of everybody, None where columns do not tell them.

        Raises what spend raises, and OutOfBoundsError for a sum past the bounds.
        """
        within = range_.clamped()
        if levels.columns_end(thing):
            return None
        mode = await self._mode(thing)
        is_whole = within.start % DAY_S == within.end % DAY_S == 0
        if mode == TO_THE_SECOND or (mode == BY_THE_DAY and is_whole):
            try:
                found = await self._columns.everybody(thing, within.start, within.end, spend)
            except EndedError:
                return None
            # Who is nobody there costs nothing to ask one by one, whoever keeps no columns.
            return _checked(found) if found.total else None
        return None

    async def _mode(self, thing: int) -> bytes | None:
        """How a thing's columns are kept; it never changes, but there is none before a booking."""
        generation = self._store.standing.generation
        if self._modes_of != generation:
            self._modes, self._modes_of = {}, generation
        if thing not in self._modes:
            mode = await self._store.reads.call(("HGET", MODES_KEY, thing))
            if mode is None:
                return None
            self._modes[thing] = mode
        return self._modes[thing]


def _checked(found: Vector) -> Vector:
    """The same, whose sums are within the bounds: one after another they are refused, too."""
    checked_sum(int(found.values.max()))
    checked_sum(int(found.values.min()))
    return found
