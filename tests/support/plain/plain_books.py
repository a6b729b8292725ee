"""The bookings of a history as sorted lists, and what is asked of one user, by adding up.

>>> books = Books(random_history(1))
>>> books.line(8, 1, None).sum(1460000000, 1470000000)
12
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from itertools import accumulate
from typing import Any

from tests.support.draws.histories import THINGS, History
from tests.support.plain.plain_calendar import Piece, cut, unit_start
from tests.support.plain.plain_times import Fields, range_of, written

Atids = frozenset[int] | None
Entry = tuple[int, int, int, int]
"""(second, delta, aid, atid)."""


class Line:
    """One user's bookings of one thing and some types, in the order of their seconds."""

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = sorted(entries)
        self.seconds = [entry[0] for entry in self.entries]
        self.sums = [0, *accumulate(entry[1] for entry in self.entries)]

    def within(self, start: int, end: int) -> list[Entry]:
        """The bookings in [start, end)."""
        return self.entries[slice(*self._places(start, end))]

    def sum(self, start: int, end: int) -> int:
        """What they add up to."""
        first, last = self._places(start, end)
        return self.sums[last] - self.sums[first]

    def reached(self, start: int, end: int) -> int | None:
        """The first second at whose end the sum from the start on was the whole sum or more."""
        first, last = self._places(start, end)
        whole = self.sums[last]
        for place in range(first, last):
            ends = place + 1 == last or self.seconds[place + 1] != self.seconds[place]
            if ends and self.sums[place + 1] >= whole:
                return self.seconds[place]
        return None

    def _places(self, start: int, end: int) -> Piece:
        first = bisect_left(self.seconds, start)
        return first, max(first, bisect_left(self.seconds, end))


class Books:
    """Every line of a history; those that were asked for are kept."""

    def __init__(self, history: History) -> None:
        self.now_s = history.now_s
        self.populations = {thing: history.of_thing(thing) for thing in THINGS.values()}
        self._entries: dict[Piece, list[Entry]] = defaultdict(list)
        for uid, thing, aid in history.model.all_activities():
            self._entries[uid, thing] += [
                (second, delta, aid, atid)
                for second, atid, delta in history.model.entries(uid, thing, aid)
            ]
        self._lines: dict[tuple[int, int, Atids], Line] = {}

    def line(self, uid: int, thing: int, atids: Atids) -> Line:
        """One user's bookings of a thing, of all types for None."""
        key = (uid, thing, atids)
        if key not in self._lines:
            entries = self._entries.get((uid, thing), [])
            self._lines[key] = Line([e for e in entries if atids is None or e[3] in atids])
        return self._lines[key]

    def newest(self, uids: list[int], things: list[int]) -> str | None:
        """The watermark of a question."""
        lines = [self.line(uid, thing, None) for uid in uids for thing in things]
        return written(max((line.seconds[-1] for line in lines if line.seconds), default=None))

    def sum_answer(self, fields: Fields) -> Fields:
        """Of POST /v3/sum."""
        tz = fields.get("tz", "UTC")
        start, end = range_of(fields, self.now_s, tz)
        aggregates = listed(fields.get("aggregates", "sum"))
        every = fields.get("every", "day")
        needs_units = bool({"min", "max", "avg"}.intersection(aggregates))
        units = cut(start, end, every, tz) if needs_units else []
        uids, names = numbers(fields["uid"]), listed(fields["thing"])
        rows = []
        for uid in uids:
            for name in names:
                line = self.line(uid, THINGS[name], atids_of(fields))
                every_aggregate = aggregates_of(line, start, end, units)
                asked = {each: every_aggregate[each] for each in aggregates}
                rows.append({"uid": str(uid), "thing": name, **asked})
        return self._around(rows, (start, end), uids, names)

    def series_answer(self, fields: Fields) -> Fields:
        """Of POST /v3/series."""
        every, tz = fields["every"], fields.get("tz", "UTC")
        start, end = range_of(fields, self.now_s, tz)
        units = cut(start, end, every, tz)
        parts = parts_of_units(units, every, tz)
        uids, names = numbers(fields["uid"]), listed(fields["thing"])
        rows = []
        for name in names:
            for group, lines in self._groups(fields, uids, THINGS[name], (start, end)):
                rows += [
                    {**point, "thing": name, **group, **parts.get(point["start"], {})}
                    for point in points(lines, units, fields.get("fill", "zero"))
                ]
        return self._around(rows, (start, end), uids, names)

    def activities_answer(self, uid: int, fields: Fields) -> Fields:
        """Of GET /v3/users/{uid}/activities; the type is a set of all that it may be."""
        start, end = range_of(fields, self.now_s, fields.get("tz", "UTC"))
        names = listed(fields.get("thing", list(THINGS)))
        rows = self.activities(uid, names, atids_of(fields), (start, end))
        rows.sort(key=lambda row: (row["first"], int(row["aid"])))
        return self._around(rows, (start, end), [uid], names)

    def activities(self, uid: int, names: list[str], atids: Atids, piece: Piece) -> list[Fields]:
        """A row for each activity with a booking in the range."""
        found: dict[int, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
        for name in names:
            for entry in self.line(uid, THINGS[name], atids).within(*piece):
                found[entry[2]][name].append(entry)
        return [activity_row(aid, by_name) for aid, by_name in found.items()]

    def _groups(
        self, fields: Fields, uids: list[int], thing: int, piece: Piece
    ) -> list[tuple[Fields, list[Line]]]:
        atids = atids_of(fields)
        if fields.get("by") == "uid":
            return [({"uid": str(uid)}, [self.line(uid, thing, atids)]) for uid in uids]
        if fields.get("by") != "atid":
            return [({}, [self.line(uid, thing, atids) for uid in uids])]
        kinds = atids or {
            entry[3] for uid in uids for entry in self.line(uid, thing, None).within(*piece)
        }
        return [
            ({"atid": str(kind)}, [self.line(uid, thing, frozenset([kind])) for uid in uids])
            for kind in sorted(kinds)
        ]

    def _around(
        self, rows: list[Fields], piece: Piece, uids: list[int], names: list[str]
    ) -> Fields:
        newest = self.newest(uids, [THINGS[name] for name in names])
        return {"data": rows, "exact": True, "range": range_text(piece), "newest": newest}


def aggregates_of(line: Line, start: int, end: int, units: list[Piece]) -> Fields:
    """All that may be asked of a line in a range."""
    inside = line.within(start, end)
    sums = [line.sum(*unit) for unit in units]
    return {
        "sum": line.sum(start, end),
        "count": len({entry[2] for entry in inside}),
        "min": min(sums, default=None),
        "max": max(sums, default=None),
        "avg": sum(sums) / len(sums) if sums else None,
        "first": written(inside[0][0] if inside else None),
        "last": written(inside[-1][0] if inside else None),
    }


def points(lines: list[Line], units: list[Piece], fill: str) -> list[Fields]:
    """The points of one group."""
    found = []
    for start, end in units:
        value: int | None = sum(line.sum(start, end) for line in lines)
        if fill != "zero" and not any(line.within(start, end) for line in lines):
            if fill == "none":
                continue
            value = None
        found.append({"start": written(start), "end": written(end), "sum": value})
    return found


def parts_of_units(units: list[Piece], every: str, tz: str) -> dict[str | None, Fields]:
    """What points say that are not their whole unit, by their starts."""
    return {
        written(start): {"partial": True}
        for start, end in units
        if any(unit_start(each, every, tz) != each for each in (start, end))
    }


def activity_row(aid: int, by_name: dict[str, list[Entry]]) -> Fields:
    """An activity's bookings, by the names of its things in the order that was asked for."""
    entries = [entry for each in by_name.values() for entry in each]
    first_thing = next(iter(by_name.values()))
    sums = {name: sum(entry[1] for entry in each) for name, each in by_name.items()}
    return {
        "aid": str(aid),
        "atid": {entry[3] for entry in first_thing if entry[0] == first_thing[0][0]},
        "sums": {name: value for name, value in sums.items() if value},
        "bookings": len(entries),
        "first": written(min(entry[0] for entry in entries)),
        "last": written(max(entry[0] for entry in entries)),
    }


def range_text(piece: Piece) -> Fields:
    """A range as answers have it."""
    return {"start": written(piece[0]), "end": written(piece[1])}


def listed(value: Any) -> list[Any]:
    """A list, or one value as a list of one."""
    return value if isinstance(value, list) else [value]


def numbers(value: Any) -> list[int]:
    """Ids, each once."""
    return list(dict.fromkeys(int(each) for each in listed(value)))


def atids_of(fields: Fields) -> Atids:
    """The types that count."""
    return frozenset(numbers(fields["atid"])) if "atid" in fields else None
