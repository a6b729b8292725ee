"""What two populations sent, and the bookings that follow from it by the naive model.

The sample is the real one: hourly steps of 33 people in a month, an activity a day and a type for
each quarter of it. The random population has what real senders do to us: late reports, corrections,
increments, activities taken back, days of a thousand bookings, ids of all 64 bits, and seconds
around the nights in which clocks were moved.

>>> history = random_history(1)
>>> history.statuses[:3]
['booked', 'booked', 'unchanged']
"""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path
from random import Random

from psd.engine.events import Report, Withdrawal
from tests.support.plain.model import Model

FILE = Path(__file__).parents[3] / "examples" / "fitbit_hourly_steps.csv"

DAY_S = 86_400
HOUR_S = 3600
THINGS = {"steps": 1, "calories": 2}

ATIDS = (0, 1, 7, 300, -5, 2**40, 2**63 - 1)
VALUES = (1, 1, 2, 5, 5, 10, -1, -5, 0)

SHOWN = (
    # America/New_York and Europe/Berlin move their clocks in these weeks, Lord Howe by 30 minutes.
    ("2016-03-07", 30),
    ("2016-09-25", 50),
    # Samoa had no 30 December; Newfoundland moved at one minute past midnight.
    ("2011-10-25", 70),
    # Liberia was 44:30 behind until 7 January.
    ("1971-12-25", 20),
    # Past 32 bits.
    ("2106-02-01", 20),
    ("2014-01-01", 1400),
)
"""Days about which the random population has bookings: the first one and their number."""


class History:
    """Events in the order in which they were sent; ``model`` has them all once they are booked."""

    def __init__(self, name: str, events: list[Report | Withdrawal], now_s: int) -> None:
        self.name = name
        self.events = events
        self.now_s = now_s
        self.model = Model()
        self.statuses = [self._book(event) for event in events]
        self.uids = sorted({event.uid for event in events})
        self.atids = sorted({event.atid for event in events if isinstance(event, Report)})
        self.seconds = sorted({event.ts2 for event in events if isinstance(event, Report)})

    def of_thing(self, thing: int) -> list[int]:
        """Everybody who has a booking of a thing, once all is booked."""
        model = self.model
        return sorted(
            {
                uid
                for uid, of, aid in model.all_activities()
                if of == thing and model.entries(uid, of, aid)
            }
        )

    def _book(self, event: Report | Withdrawal) -> str:
        if isinstance(event, Withdrawal):
            return self.model.withdraw(event)
        return self.model.book(event)


def second_of_day(text: str) -> int:
    """The first second of a UTC date."""
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp())


def sample_history() -> History:
    """The file, hour by hour; ``calories`` are those hours in which somebody walked much."""
    events: list[Report | Withdrawal] = []
    with FILE.open(newline="") as file:
        for row in csv.DictReader(file):
            when = dt.datetime.strptime(f"{row['ActivityHour']} +0000", "%m/%d/%Y %H:%M %z")
            second, steps = int(when.timestamp()), int(row["StepTotal"])
            aid, atid = when.toordinal(), when.hour // 6
            events.append(Report(1, int(row["Id"]), atid, aid, steps, second, second))
            if steps > 2000:
                start = second - HOUR_S + 1
                events.append(Report(2, int(row["Id"]), atid, aid, steps // 20, start, second))
    return History("sample", events, second_of_day("2016-06-01"))


def random_history(seed: int, users: int = 400) -> History:
    """A population of its own for each seed."""
    return _Sender(Random(f"history {seed}"), users).history("random")


class _Sender:
    """Draws what is sent, activity by activity."""

    def __init__(self, random: Random, users: int) -> None:
        self._random = random
        small = random.sample(range(-200, 1000), users - 4)
        self._uids = [*small, 2**53 + 1, 2**63 - 1, -(2**63), 2**40]
        self._ids = 0

    def history(self, name: str) -> History:
        """Everything, partly out of order."""
        random = self._random
        events: list[Report | Withdrawal] = []
        for uid in self._uids:
            for _ in range(random.choice((0, 1, 1, 3, 8, 30))):
                events += self._activity(uid, random.choice((1, 1, 1, 2)))
        for uid in self._uids[:4]:
            events += self._dense_day(uid)
        events += self._long_activity(self._uids[4])
        late = random.sample(range(len(events)), len(events) // 10)
        for at in late:
            to = random.randrange(len(events))
            events[at], events[to] = events[to], events[at]
        reports = [event for event in events if isinstance(event, Report)]
        for gone in random.sample(reports, len(reports) // 60):
            withdrawal = Withdrawal(gone.uid, gone.aid, (1, 2), "", "test", gone.ts2)
            events.insert(random.randrange(len(events)), withdrawal)
        events += random.sample(reports, len(reports) // 40)
        return History(name, events, second_of_day("2017-06-01"))

    def _activity(self, uid: int, thing: int) -> list[Report]:
        """One to five reports of it, some of which correct others, and increments."""
        random = self._random
        aid, atid = self._aid(), random.choice(ATIDS)
        second = self._second()
        found: list[Report] = []
        for _ in range(random.choice((1, 1, 1, 2, 5))):
            second += random.choice((0, 1, 60, HOUR_S, DAY_S))
            start = second - random.choice((0, 0, 1, 600, 2 * DAY_S))
            if random.random() < 0.1:
                atid = random.choice(ATIDS)
            event_id = None
            if random.random() < 0.1:
                event_id, start = f"e{aid}.{len(found)}", second
            found.append(
                Report(thing, uid, atid, aid, random.choice(VALUES), start, second, event_id)
            )
            if random.random() < 0.1:
                found.append(Report(thing, uid, atid, aid, random.choice(VALUES), start, second))
        return found

    def _dense_day(self, uid: int) -> list[Report]:
        """700 bookings in one day, most of them in one hour."""
        start = second_of_day("2016-03-13") + 6 * HOUR_S
        spans = (HOUR_S, HOUR_S, DAY_S)
        seconds = [start + self._random.randrange(self._random.choice(spans)) for _ in range(700)]
        values = (1, 2, 3)
        return [
            Report(1, uid, self._random.choice(ATIDS[:4]), self._aid(), values[at % 3], at, at)
            for at in seconds
        ]

    def _long_activity(self, uid: int) -> list[Report]:
        """One activity of 200 reports, each the total since it began."""
        start = second_of_day("2016-10-29")
        return [
            Report(1, uid, 7, 2**62, 3 * number, start, start + 700 * number)
            for number in range(1, 200)
        ]

    def _aid(self) -> int:
        self._ids += 1
        return self._ids if self._random.random() < 0.9 else -self._ids * 2**40

    def _second(self) -> int:
        first, days = self._random.choice(SHOWN)
        start = second_of_day(first)
        if self._random.random() < 0.3:
            return start + self._random.randrange(days) * DAY_S
        return start + self._random.randrange(days * DAY_S)
