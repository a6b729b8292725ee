"""Boards, and what domains keep, as messages that tell it again.

::

    MessageSource(runtime, "boards", Range(0, END), domains=(), abouts=())
    -> Chunk([("boards", "april", 1460462400, '{"command":"decision",...}', False)], [1], 1)

A message is told whole or not at all, by its second; one of no time is always told. ``after`` is
how many were told before.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator

import msgspec

from psd.domain.told_again import ToldAgain, ToldMessage, decided
from psd.engine.plan import Range
from psd.exports.booking_source import Chunk, Cursor
from psd.exports.row_kinds import BOARDS, Cells, MessageCells
from psd.queries.boards.told_boards import ToldBoards
from psd.runtime import Runtime

BODY_CHARACTERS = 20_000
"""Of one row: a row of a CSV is read up to 131,072 bytes, and a quote in it takes two."""

ROWS_AT_ONCE = 1_000


class MessageSource:
    """Rows of messages; ``domains`` and ``abouts`` are those that are chosen, none for all."""

    unit = "messages"

    def __init__(
        self,
        runtime: Runtime,
        kind: str,
        within: Range,
        domains: Collection[str],
        abouts: Collection[str],
    ) -> None:
        self._within = within
        self._domains = domains
        self._abouts = abouts
        self._told = [each for each in told_again(runtime) if each.kind == kind]

    async def units(self) -> int:
        """Nobody knows before they are read."""
        return 0

    async def chunks(self, after: Cursor) -> AsyncIterator[Chunk]:
        """Rows of all that are chosen."""
        count, rows = 0, list[Cells]()
        done = after[0] if after else 0
        async for domain, message in self._all():
            count += 1
            if count <= done:
                continue
            rows += _rows(domain, message)
            if len(rows) >= ROWS_AT_ONCE:
                yield Chunk(rows, [count], count)
                rows = []
        if rows:
            yield Chunk(rows, [count], count)

    async def _all(self) -> AsyncIterator[tuple[str, ToldMessage]]:
        for told in self._told:
            if self._domains and told.domain not in self._domains:
                continue
            async for message in told.standing(self._within):
                second = message.second
                is_in = not second or self._within.start <= second < self._within.end
                if is_in and (not self._abouts or message.about in self._abouts):
                    yield told.domain, message


def told_again(runtime: Runtime) -> list[ToldAgain]:
    """What psd and its domains can tell again."""
    boards = ToldBoards(runtime.boards, runtime.store)

    async def standing(_: Range) -> AsyncIterator[ToldMessage]:
        async for name, second, decision in boards.decisions():
            yield decided(name, second, decision)

    of_domains = [each for part in runtime.parts.values() for each in part.told_again]
    return [ToldAgain(BOARDS, BOARDS, standing), *of_domains]


def _rows(domain: str, message: ToldMessage) -> Iterator[Cells]:
    body = message.body.decode()
    for start in range(0, len(body), BODY_CHARACTERS):
        part = body[start : start + BODY_CHARACTERS]
        more = start + BODY_CHARACTERS < len(body)
        cells = MessageCells(domain, message.about, message.second, part, more)
        yield msgspec.structs.astuple(cells)
