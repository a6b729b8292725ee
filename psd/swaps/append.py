"""An event of the ledger on its way into the store, with everything that moves with it.

::

    Append(event=swap, versions={("driver", 1): 4}, indexes=[("driver", 1)], root=7, ...)
    -> one call of lua/swaps/append.lua: kept if driver 1 is still of version 4
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from psd.swaps.swap_events import AnyEvent, Numbered

_pack = msgspec.msgpack.Encoder().encode

Named = tuple[str, int]
"""(kind, id) of an object."""

Member = tuple[int, str]
"""(second, member) of an index, in the order of places."""


class Append(msgspec.Struct, frozen=True, kw_only=True):
    """An event and what moves with it; ``n`` 0 is the next number.

    ``fields`` are those of one object, ``name`` is (kind, name, id, name given up, is new), and
    ``left`` the wrong transaction with the member of each index that it leaves.
    """

    event: AnyEvent
    n: int = 0
    versions: Mapping[Named, int] = {}
    fields: Mapping[str, int | str] = {}
    of: Named | None = None
    name: tuple[str, str, int, str, bool] | None = None
    indexes: Sequence[Named] = ()
    root: int = 0
    wrong: Numbered | None = None
    left: Sequence[tuple[Named, str]] = ()
    lists: Sequence[str] = ()

    def packed(self) -> bytes:
        """As lua/swaps/append.lua reads it."""
        second = self.event.second
        name = [*self.name[:4], int(self.name[4])] if self.name else []
        fields = [_text(self.of)] if self.of else []
        left: list[Any] = [self.wrong.n, self.wrong.swap.second] if self.wrong else []
        for index, member in self.left:
            left += [_text(index), member]
        return _pack(
            [
                [[_text(each), version] for each, version in self.versions.items()],
                [*fields, *(part for pair in self.fields.items() for part in map(str, pair))],
                name,
                [part for each in self.indexes for part in (_text(each), second, self.root)],
                left,
                [part for each in self.lists for part in (each, second)],
            ]
        )


def _text(named: Named) -> str:
    return f"{named[0]}:{named[1]}"
