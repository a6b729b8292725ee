"""Booking the rows of an export again: bookings, and activities with what was withdrawn.

::

    ("steps", 7, "", 0, 41, "total", 1460419200, 1460422800, 160, 160)   -> booked, or unchanged
    (..., "increment", ..., 90, 90)    booked, unless increments booked 90 there before: unchanged

A report is known by its window, whenever it comes again. An increment's id is not kept for ever,
and none is exported: so it is held against what increments have booked of its activity at its
second, and what is missing there is booked, under an id that says so.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from psd.archive.entries import Entry
from psd.archive.messages import metrics_entries
from psd.audit.placed_records import INCREMENT, TOTAL
from psd.engine.booking import COUNT_THING
from psd.engine.event_fields import CountFields, MetricFields
from psd.engine.events import Accepted
from psd.engine.outcomes import Outcome
from psd.engine.plan import Range
from psd.engine.withdrawal import WithdrawFields, message_of, things_of_owners, withdrawal_of
from psd.errors import ConflictError, InputError, WrongTypeError
from psd.exports.row_files import NumberedRow
from psd.exports.row_kinds import ActivityCells, BookingCells
from psd.runtime import Runtime
from psd.store.keys import count_root
from psd.users import user_of

ROWS_AT_ONCE = 1_000
COUNT = "count"
UNCHANGED = "unchanged"

_encode = msgspec.json.Encoder().encode


class TakenRows(msgspec.Struct):
    """How many rows came, what became of what they say, and which were refused and why."""

    rows: int = 0
    outcomes: Counter[str] = msgspec.field(default_factory=Counter)
    refusals: list[tuple[int, InputError]] = msgspec.field(default_factory=list)

    @property
    def refused(self) -> int:
        """How many could not be booked."""
        return self.outcomes["refused"]

    def refuse(self, line: int, error: InputError) -> None:
        """Count a row that is refused."""
        self.outcomes["refused"] += 1
        self.refusals.append((line, error))


class BookingTaker:
    """Books rows of bookings or activities; with ``is_dry`` it only checks them."""

    def __init__(self, runtime: Runtime, kind: str, *, is_dry: bool = False) -> None:
        self._runtime = runtime
        self._kind = kind
        self._is_dry = is_dry
        self.taken = TakenRows()

    async def take(self, rows: Iterable[NumberedRow]) -> None:
        """Book these; a row that is refused leaves the others as they are."""
        fields: list[tuple[int, MetricFields | CountFields]] = []
        withdrawn: list[tuple[int, ActivityCells]] = []
        for line, row in rows:
            self.taken.rows += 1
            if isinstance(row, InputError):
                self.taken.refuse(line, row)
                continue
            try:
                if self._kind == "bookings":
                    fields.append((line, _fields(BookingCells(*row))))
                elif (cells := msgspec.convert(row, ActivityCells)).withdrawn:
                    withdrawn.append((line, cells))
                else:
                    fields += [(line, each) for each in _reported(cells)]
            except InputError as error:
                self.taken.refuse(line, error)
            except msgspec.ValidationError as exc:
                self.taken.refuse(line, WrongTypeError(f"reports: {exc}"))
        await self._book(fields)
        await self._withdraw(withdrawn)

    async def finish(self) -> None:
        """Nothing waits."""

    async def _book(self, fields: Sequence[tuple[int, MetricFields | CountFields]]) -> None:
        for start in range(0, len(fields), ROWS_AT_ONCE):
            asked = map(self._missing, fields[start : start + ROWS_AT_ONCE])
            known = await asyncio.gather(*asked)
            some = [each for each in known if each is not None]
            self.taken.outcomes[UNCHANGED] += len(known) - len(some)
            now_ms = self._runtime.clock.now_ms()
            events, lines, kept = list[Accepted](), list[int](), []
            for line, each in some:
                try:
                    events.append(self._event(each, now_ms // 1000))
                except InputError as error:
                    self.taken.refuse(line, error)
                else:
                    lines.append(line)
                    kept.append(each)
            await self._accept(events, lines, [*_entries(now_ms, kept)])

    async def _accept(
        self, events: Sequence[Accepted], lines: Sequence[int], entries: Sequence[Entry]
    ) -> None:
        if self._is_dry:
            self.taken.outcomes["checked"] += len(events)
            return
        outcomes: Sequence[Outcome] = (
            await self._runtime.intake.accept(events, lambda: entries) if events else []
        )
        for line, outcome in zip(lines, outcomes, strict=True):
            if outcome.error is not None:
                self.taken.refuse(line, outcome.error)
            else:
                self.taken.outcomes[outcome.status] += 1

    async def _missing(
        self, row: tuple[int, MetricFields | CountFields]
    ) -> tuple[int, MetricFields | CountFields] | None:
        """The row with what increments have not booked there; None where that is nothing."""
        line, fields = row
        if isinstance(fields, MetricFields) and fields.mode == TOTAL:
            return row
        if isinstance(fields, CountFields):
            root, thing, second = count_root(fields.thing), COUNT_THING, fields.ts
            aid, atid = 0, 0
        else:
            placement = await self._runtime.store.placed()
            root = placement.owner_root(user_of(fields.uid))
            thing = self._runtime.settings.numbers.get(fields.thing, -1)
            second, aid, atid = fields.ts2, fields.aid, fields.atid
        within = Range(second, second + 1)
        engine = self._runtime.engine
        held = await engine.booked_of(root, thing, aid, within, increments=True)
        booked = held.get((second, atid), 0)
        if booked == fields.value:
            return None
        # In the id is what stood there, so that a message that comes twice is booked once.
        id_ = f"export/{thing}/{aid}/{atid}/{second}/{booked}/{fields.value}"
        missing = fields.value - booked
        return line, msgspec.structs.replace(fields, value=missing, id=id_)

    def _event(self, fields: MetricFields | CountFields, now_s: int) -> Accepted:
        rules = self._runtime.rules
        if isinstance(fields, CountFields):
            return rules.count(fields, now_s, fields.id or "")
        return rules.report(fields, now_s)

    async def _withdraw(self, rows: Sequence[tuple[int, ActivityCells]]) -> None:
        things = things_of_owners(self._runtime.settings.numbers, self._runtime.intake.things)
        now_ms = self._runtime.clock.now_ms()
        for line, cells in rows:
            fields = WithdrawFields(_user(cells.uid, cells.name), cells.aid, cells.note, cells.by)
            try:
                event = withdrawal_of(fields, things, cells.withdrawn_at or now_ms // 1000)
            except InputError as error:
                self.taken.refuse(line, error)
                continue
            await self._accept([event], [line], [Entry(now_ms, "", message_of(event))])


def _fields(cells: BookingCells) -> MetricFields | CountFields:
    """What a row says, as a message has it; raises an InputError."""
    if cells.mode == COUNT:
        return CountFields(cells.thing, cells.value, cells.ts2)
    if cells.mode not in (TOTAL, INCREMENT):
        raise WrongTypeError(f"mode: {cells.mode!r} is none of total, increment, count")
    uid = _user(cells.uid, cells.name)
    own = (cells.atid, cells.aid, cells.value, cells.ts1, cells.ts2)
    return MetricFields(cells.thing, uid, *own, cells.mode)


def _reported(cells: ActivityCells) -> Iterator[MetricFields]:
    """The reports and increments of an activity's row."""
    uid = _user(cells.uid, cells.name)
    for atid, ts1, ts2, value, _ in cells.reports:
        mode = INCREMENT if ts1 is None else TOTAL
        begins = ts2 if ts1 is None else ts1
        yield MetricFields(cells.thing, uid, atid, cells.aid, value, begins, ts2, mode)


def _user(uid: int, name: str) -> int | str:
    """The user that a row is of; raises ConflictError where number and name are two."""
    if name and user_of(name, "name") != uid:
        raise ConflictError(f"name: {name!r} is not the name of user {uid}")
    return name or uid


def _entries(now_ms: int, fields: Sequence[MetricFields | CountFields]) -> Iterator[Entry]:
    """What the archive keeps of them."""
    yield from metrics_entries(now_ms, [each for each in fields if isinstance(each, MetricFields)])
    for each in fields:
        if isinstance(each, CountFields):
            body: Mapping[str, object] = {"command": COUNT, COUNT: each}
            yield Entry(now_ms, "", _encode(body))
