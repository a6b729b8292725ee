"""``GET /v3/rewards/what-if``: weeks by other tables, side by side with what they came to.

::

    ?first=4&last=5&tables=weeks_off_to_drop = 5&tables=[tokens]%0Asplit = "floor"
    -> {"tables":[{"number":1,"version":"2022-seed","digest":"..."},...],
        "data":[{"week":4,"number":1,"rows_changed":3,"points_before":8000,"points":14000,...},...],
        "examples":[{"week":4,"number":1,"vehicle":"7",...},...]}

A row for each week and each of the tables. It is about everybody, and writes nothing.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from psd.domain.question import Asked
from psd.errors import BadQueryError
from psd.rewards.changed_tables import changed_tables
from psd.rewards.difference import RowDifference, WeekDifference
from psd.rewards.questions import Week
from psd.rewards.tables import Tables
from psd.rewards.what_if import WhatIf
from psd.rewards.what_if_listings import TriedTables, TriedVehicle, TriedWeek, WhatIfAnswer

TABLES_MAX = 3
EXAMPLES_MAX = 20

Text = Annotated[
    str,
    Meta(
        description="TOML in the form of conf/rewards.toml; what it leaves out stays as it is",
        examples=["weeks_off_to_drop = 5"],
    ),
]


class WhatIfQuery(msgspec.Struct):
    """Which weeks, and by which tables."""

    tables: list[Text]
    first: Annotated[Week, Meta(description="three before the last one unless given")] | None = None
    last: Week | None = None


class WhatIfQuestions:
    """Answers what tables would have done."""

    def __init__(self, what_if: WhatIf, tables: Tables) -> None:
        self._what_if = what_if
        self._tables = tables

    async def ask(self, asked: Asked) -> WhatIfAnswer:
        """Weeks by other tables, beside what they came to."""
        query: WhatIfQuery = asked.query
        if not 0 < len(query.tables) <= TABLES_MAX:
            many = len(query.tables)
            raise BadQueryError(f"tables: {many} of them; 1 to {TABLES_MAX} are compared")
        tables = [changed_tables(text, self._tables) for text in query.tables]
        found = await self._what_if.tried(tables, query.first, query.last)
        numbered = list(enumerate(found, 1))
        return WhatIfAnswer(
            [TriedTables(at, each.version, each.digest) for at, each in enumerate(tables, 1)],
            [_week(at, each) for at, weeks in numbered for each in weeks],
            [each for at, weeks in numbered for each in _examples(at, weeks)],
        )


def _week(number: int, found: WeekDifference) -> TriedWeek:
    before, after = found.before, found.after
    assert before is not None, "only computed weeks are tried"
    return TriedWeek(
        after.week,
        number,
        found.rows_changed,
        after.connected,
        before.points,
        after.points,
        str(before.distributed),
        str(after.distributed),
        str(found.tokens_gained),
        str(found.tokens_lost),
    )


def _examples(number: int, weeks: list[WeekDifference]) -> list[TriedVehicle]:
    listed = [
        _vehicle(number, found.after.week, each) for found in weeks for each in found.examples
    ]
    return listed[:EXAMPLES_MAX]


def _vehicle(number: int, week: int, found: RowDifference) -> TriedVehicle:
    old, new = found.before, found.after
    return TriedVehicle(
        week,
        number,
        str(found.vehicle),
        None if old is None else old.connection_streak,
        None if new is None else new.connection_streak,
        None if old is None else old.points,
        None if new is None else new.points,
        str(found.tokens_before),
        str(found.tokens_after),
    )
