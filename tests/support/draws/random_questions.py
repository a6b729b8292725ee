"""Random questions about a history, each made anew from its seed and number.

>>> Questions(history, boards, seed=1).question(4711)
Question(kind="sum", number=4711, fields={"thing": "steps", "uid": ["8"], ...}, ...)

Half of what a question asks for is drawn from the history (its users, types and seconds), the rest
is unknown, next to it, or far away. Times are written in every way
(tests/support/draws/random_times.py); a question that is a mistake because of one is asked as well.
"""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec

from tests.support.draws.histories import DAY_S, HOUR_S, THINGS, History
from tests.support.draws.random_times import exactly, loosely, wrongly
from tests.support.plain.plain_boards import zone_of
from tests.support.plain.plain_books import numbers
from tests.support.plain.plain_calendar import Piece
from tests.support.plain.plain_times import Fields, RefusedError, range_of, read

ZONES = (
    "UTC",
    "Europe/Berlin",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Nuuk",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Africa/Monrovia",
    "Asia/Kathmandu",
    "Asia/Gaza",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Antarctica/Troll",
)
EVERY = {
    "minute": 60,
    "hour": HOUR_S,
    "day": DAY_S,
    "week": 7 * DAY_S,
    "issuance_week": 7 * DAY_S,
    "month": 28 * DAY_S,
    "quarter": 90 * DAY_S,
    "year": 365 * DAY_S,
}
NIGHTS = (
    ("Africa/Monrovia", "1972-01-07T00:44:30"),
    ("America/St_Johns", "2011-11-06T02:31"),
    ("America/New_York", "2016-03-13T07:00"),
    ("America/New_York", "2016-11-06T06:00"),
    ("America/Sao_Paulo", "2016-10-16T03:00"),
    ("Antarctica/Troll", "2016-10-30T01:00"),
    ("Asia/Gaza", "2016-10-28T22:00"),
    ("Australia/Lord_Howe", "2016-10-01T15:30"),
    ("Europe/Berlin", "2016-03-27T01:00"),
    ("Europe/Dublin", "2016-10-30T01:00"),
    ("Pacific/Apia", "2011-12-30T10:00"),
    ("Pacific/Chatham", "2016-09-24T14:00"),
)
"""When clocks were moved, as UTC."""

TIES = ("competition", "dense", "ordinal", "first_to_reach")
AGGREGATES = ("sum", "count", "min", "max", "avg", "first", "last")
FORMATS = ("json", "csv", "msgpack")
UNITS_MAX = 150
"""Units of one question: it is their beginnings that are of interest, not their number."""

PAGES_MAX = 8

KINDS = (
    *("sum",) * 23,
    *("series",) * 25,
    *("leaderboard",) * 28,
    *("standing",) * 6,
    *("bracket",) * 6,
    *("activities",) * 8,
    *("listing",) * 4,
)
OVER_HTTP = 0.1
EXACT, LOOSE = 0.9, 0.095
"""How often a time is written to the second, or as the date or unit that holds it; else wrongly."""


class Question(msgspec.Struct, frozen=True):
    """What is asked; ``http`` says in which format and by which method, None for no request.

    ``name`` is a board's name or an owner's uid, where the path has one. With ``walks`` all pages
    are read.
    """

    kind: str
    number: int
    fields: Fields
    name: str = ""
    walks: bool = False
    http: tuple[str, str] | None = None


class Questions:
    """Draws questions; ``boards`` are the named ones, those with rounds are ``cups``."""

    def __init__(self, history: History, boards: dict[str, Fields], seed: int) -> None:
        self._history = history
        self._boards = boards
        self._cups = sorted(name for name, board in boards.items() if "rounds" in board)
        self._seed = seed
        self._populations = {name: history.of_thing(thing) for name, thing in THINGS.items()}

    def question(self, number: int) -> Question:
        """The question of a number, the same each time."""
        random = Random(f"{self._seed}:{number}")
        kind = random.choice(KINDS)
        draw = Draw(self._history, random)
        name, fields = getattr(self, f"_{kind}")(draw)
        walks = kind in ("leaderboard", "standing", "activities") and random.random() < 0.6
        if "around" in fields:
            walks = False
        http = None
        if random.random() < OVER_HTTP and kind != "listing":
            http = (random.choice(FORMATS), random.choice(("GET", "POST")))
        return Question(kind, number, fields, name, walks, http)

    def _sum(self, draw: Draw) -> tuple[str, Fields]:
        random = draw.random
        zone = draw.zone()
        fields = {"uid": draw.some_uids(12), "thing": draw.things(), **draw.range(zone), **zone}
        fields |= draw.atids()
        if random.random() < 0.7:
            fields["aggregates"] = random.sample(AGGREGATES, random.randint(1, 7))
        if random.random() < 0.7:
            fields["every"] = draw.every(fields)
        elif {"min", "max", "avg"}.intersection(fields.get("aggregates", [])):
            fields |= {"every": "year"}
        return "", fields

    def _series(self, draw: Draw) -> tuple[str, Fields]:
        random = draw.random
        zone = draw.zone()
        fields = {"uid": draw.some_uids(12), "thing": draw.things(), **draw.atids(), **zone}
        fields |= draw.range(zone)
        fields.setdefault("start", draw.written(draw.second(), zone))
        fields["every"] = draw.every(fields)
        if random.random() < 0.25:
            fields |= draw.night()
            fields.pop("as_of", None)
        if random.random() < 0.6:
            fields["by"] = random.choice(("uid", "atid"))
        if random.random() < 0.7:
            fields["fill"] = random.choice(("zero", "null", "none"))
        return "", fields

    def _leaderboard(self, draw: Draw) -> tuple[str, Fields]:
        random = draw.random
        who = random.choice(("uids", "uids", "all", "board"))
        fields = zone = draw.zone()
        if who == "board":
            name = random.choice(sorted(self._boards))
            uids = self._boards[name]["members"]
            zone = {"tz": zone_of(fields, self._boards[name])}
            fields = {**fields, "board": name}
            if random.random() < 0.3:
                fields |= draw.range(zone) | draw.atids()
        else:
            fields = {**fields, "thing": random.choice(("steps", "steps", "calories"))}
            fields |= draw.range(zone) | draw.atids()
            uids = self._populations[fields["thing"]]
            if who == "uids":
                fields["uid"] = draw.some_uids(60)
                uids = numbers(fields["uid"])
            elif random.random() < 0.5:
                fields["all"] = True
        return "", fields | draw.paging(uids) | draw.moments(zone)

    def _standing(self, draw: Draw) -> tuple[str, Fields]:
        name, fields = draw.random.choice(sorted(self._boards)), draw.zone()
        board = self._boards[name]
        fields |= draw.moments({"tz": zone_of(fields, board)})
        return name, fields | draw.paging(board["members"])

    def _bracket(self, draw: Draw) -> tuple[str, Fields]:
        name = draw.random.choice(self._cups)
        cup = self._boards[name]
        near = [read(each[end]) for each in cup["rounds"]["windows"] for end in ("start", "end")]
        at_s = draw.random.choice(near) + draw.random.choice((-1, 0, 1, HOUR_S))
        at_s = draw.random.choice((at_s, at_s, draw.second()))
        return name, {"as_of": draw.written(at_s, {"tz": zone_of({}, cup)})}

    def _activities(self, draw: Draw) -> tuple[str, Fields]:
        zone = draw.zone()
        fields = draw.range(zone) | draw.atids() | zone
        fields["limit"] = draw.random.choice((1, 5, 100, 1000))
        fields.pop("as_of", None)
        if draw.random.random() < 0.6:
            fields["thing"] = draw.things()
        uid = draw.some_uids(1)
        return str(uid[0] if isinstance(uid, list) else uid), fields

    def _listing(self, draw: Draw) -> tuple[str, Fields]:
        start, end = draw.seconds()
        fields = {"start": start, "end": end, "uid": draw.some_uids(12), "thing": draw.things()}
        return "", fields


class Draw:
    """Parts of one question."""

    def __init__(self, history: History, random: Random) -> None:
        self._history = history
        self.random = random

    def second(self) -> int:
        """A second at, next to or far from a report."""
        near = self.random.choice(self._history.seconds)
        return near + self.random.choice(
            (0, 0, 1, -1, -(near % HOUR_S), -(near % DAY_S), self.random.randrange(-DAY_S, DAY_S))
        )

    def zone(self) -> Fields:
        """``tz``, or nothing for UTC or that of a board."""
        return {"tz": self.random.choice(ZONES)} if self.random.random() < 0.8 else {}

    def written(self, second: int, zone: Fields, *, is_exact: bool = False) -> int | str:
        """About a second, in one of the ways in which it may be written in a zone."""
        tz, draw = zone.get("tz", "UTC"), self.random.random()
        if second < 0 or is_exact or draw < EXACT:
            return exactly(self.random, second, tz)
        if draw < EXACT + LOOSE:
            return loosely(self.random, second, tz, self._history.now_s)
        return wrongly(self.random, second)

    def seconds(self) -> Piece:
        """A range of at least a second."""
        start = self.second()
        if self.random.random() < 0.5:
            return start, start + int(10 ** self.random.uniform(0, 8.3))
        start, end = sorted((start, self.second()))
        return start, max(end, start + 1)

    def range(self, zone: Fields) -> Fields:
        """``start``, ``end`` and ``as_of``, some of them left out."""
        start, end = self.seconds()
        fields: Fields = {"start": self.written(start, zone), "end": self.written(end, zone)}
        if self.random.random() < 0.1:
            del fields[self.random.choice(("start", "end"))]
        if self.random.random() < 0.25:
            at_s = self.random.choice((self.second(), (start + end) // 2))
            fields["as_of"] = self.written(at_s, zone)
        return fields

    def every(self, fields: Fields) -> str:
        """A unit that cuts the range into at most UNITS_MAX, or years."""
        try:
            start, end = range_of(fields, self._history.now_s, fields.get("tz", "UTC"))
        except RefusedError:
            return self.random.choice(list(EVERY))
        every = [name for name, unit_s in EVERY.items() if (end - start) / unit_s < UNITS_MAX]
        return self.random.choice(every or ["year"])

    def night(self) -> Fields:
        """A range about the moment at which a zone moved its clocks, in short units of it."""
        tz, moment = self.random.choice(NIGHTS)
        moved, zone = read(moment), {"tz": tz}
        every, units = self.random.choice((("minute", 50), ("hour", 40), ("day", 60)))
        before, after = (self.random.randint(1, units * EVERY[every]) for _ in range(2))
        ends = [self.written(at_s, zone, is_exact=True) for at_s in (moved - before, moved + after)]
        return {"start": ends[0], "end": ends[1], "every": every, "tz": tz}

    def some_uids(self, most: int) -> Any:
        """Ids as texts or numbers, one in 30 of nobody; a single one may stand for a list."""
        count = min(self.random.randint(1, most), len(self._history.uids))
        uids = self.random.sample(self._history.uids, count)
        # Whoever sent more is asked for more often.
        senders = self.random.choices(self._history.events, k=count)
        uids = list(dict.fromkeys(event.uid for event in senders)) + uids[: count // 3]
        if self.random.random() < 0.3:
            uids.append(987_654_321)
        texts: list[Any] = [str(uid) if abs(uid) > 2**53 else uid for uid in uids]
        if self.random.random() < 0.7:
            texts = [str(uid) for uid in uids]
        return texts[0] if len(texts) == 1 else texts

    def things(self) -> Any:
        """One or both."""
        return self.random.choice(("steps", "calories", ["steps"], ["calories", "steps"]))

    def atids(self) -> Fields:
        """``atid``, or nothing for all types."""
        if self.random.random() < 0.5:
            return {}
        known = self._history.atids
        atids = self.random.sample(known, self.random.randint(1, len(known)))
        if self.random.random() < 0.2:
            atids.append(4242)
        texts = [str(atid) for atid in atids]
        return {"atid": texts[0] if len(texts) == 1 else texts}

    def paging(self, uids: list[int]) -> Fields:
        """``ties``, and either ``around`` or a ``limit``."""
        fields: Fields = {}
        if self.random.random() < 0.8:
            fields["ties"] = self.random.choice(TIES)
        if self.random.random() < 0.3:
            fields["around"] = str(self.random.choice(uids))
            if self.random.random() < 0.8:
                fields["span"] = self.random.choice((0, 1, 5, 20, 500))
            return fields
        least = -(-len(uids) // PAGES_MAX)
        fields["limit"] = min(1000, least + self.random.choice((0, 1, 5, 100, 1000)))
        return fields

    def moments(self, zone: Fields) -> Fields:
        """``as_of`` and ``compare_to``, or neither."""
        fields: Fields = {}
        if self.random.random() < 0.4:
            fields["as_of"] = self.written(self.second(), zone)
        if self.random.random() < 0.5:
            ends = sorted((self.second(), self.second()))
            start, end = (self.written(each, zone) for each in ends)
            fields["compare_to"] = self.random.choice((end, f"{start}/{end}"))
        return fields
