"""A random population for the queries: plain bookings, and the answers by adding them up.

>>> population = Population(seed=1, users=20)
>>> population.sum_of(uid=3, thing=1, range_=Range(0, NOON_S))
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from psd.engine.events import Report
from psd.engine.plan import Range
from tests.support.engine import DAY_S, NOON_S, report


class Population:
    """Users with bookings of two things, dense and sparse, with many equal sums."""

    def __init__(self, seed: int, users: int, days: int = 40) -> None:
        random = Random(seed)
        self.uids = [7 * number + 1 for number in range(users)]
        self.start_s, self.end_s = NOON_S, NOON_S + days * DAY_S
        self.events: list[Report] = []
        for uid in self.uids:
            for aid in range(random.choice([0, 1, 3, 12, 60])):
                self.events.append(
                    report(
                        random.choice([-5, -1, 1, 2, 5, 5, 10]),
                        random.randrange(self.start_s, self.end_s),
                        uid=uid,
                        atid=random.choice([0, 2, 7]),
                        aid=aid,
                        thing=random.choice([1, 1, 1, 2]),
                    )
                )

    def of(
        self, uid: int, thing: int, range_: Range, atids: frozenset[int] | None = None
    ) -> list[Report]:
        """A user's bookings in a range, in the order of their seconds."""
        found = [
            event
            for event in self.events
            if event.uid == uid
            and event.thing == thing
            and range_.start <= event.ts2 < range_.end
            and (atids is None or event.atid in atids)
        ]
        return sorted(found, key=lambda event: event.ts2)

    def sum_of(
        self, uid: int, thing: int, range_: Range, atids: frozenset[int] | None = None
    ) -> int:
        """A user's sum over a range."""
        return sum(event.value for event in self.of(uid, thing, range_, atids))

    def reached(
        self, uid: int, thing: int, range_: Range, atids: frozenset[int] | None = None
    ) -> int | None:
        """The first second at whose end the running sum was the whole sum or more."""
        bookings = self.of(uid, thing, range_, atids)
        total = sum(event.value for event in bookings)
        for second in sorted({event.ts2 for event in bookings}):
            if sum(event.value for event in bookings if event.ts2 <= second) >= total:
                return second
        return None

    def with_thing(self, thing: int) -> list[int]:
        """Everybody who has booked of a thing."""
        return sorted({event.uid for event in self.events if event.thing == thing})

    def random_range(self, random: Random) -> Range:
        """A range about the days of the bookings."""
        low, high = sorted(
            random.randrange(self.start_s - DAY_S, self.end_s + DAY_S) for _ in range(2)
        )
        return Range(low, high)


def uid_texts(uids: Iterable[int]) -> list[int | str]:
    """Uids as questions write them."""
    return [str(uid) for uid in uids]
