"""What is kept of a computed week beside its rows, and what a run of the job notes. Pure.

All of it is JSON in Redis, so that an operator can read it there::

    HGET psd:rewards:{rewards}:weeks 5
    {"week":5,"generation":1669000000000,"tables":"32e13f397c7d","version":"2022-seed",...}
"""

from __future__ import annotations

from typing import Literal

import msgspec

from psd.rewards.rows import Row
from psd.rewards.shares import Shares
from psd.store.records import json_record

Status = Literal["Started", "Finished", "Failed"]


class WeekResult(msgspec.Struct, frozen=True):
    """The visible result of one week.

    ``generation`` is part of the keys of its rows; ``tables`` the digest of what computed it;
    ``levels`` counts connected vehicles by level, from 1; ``points`` are those of all rows, of
    which ``shares`` counts the positive ones.
    """

    week: int
    generation: int
    tables: str
    version: str
    source: str
    computed_at_s: int
    rows: int
    connected: int
    points: int
    levels: list[int]
    shares: Shares

    def tokens(self, row: Row) -> int:
        """The share of a row of this week in wei."""
        return self.shares.tokens(row.vehicle, row.points)

    @property
    def distributed(self) -> int:
        """Tokens of all rows together in wei: the pool, less what ``floor`` leaves over."""
        return int(self.shares.distributed)


class WeekStatus(msgspec.Struct, frozen=True):
    """State of a week's job, as the original's enum has it."""

    status: Status
    at_s: int
    reason: str = ""


class Run(msgspec.Struct, frozen=True):
    """A run under way: one that was killed is continued by the next that asks for the same.

    ``inputs`` says by what it computes (tables, source, overrides, dirty marks): with others it
    is begun anew. ``vin_taken`` are the vehicles whose VIN earns for another, by week, as they
    were found when the week was begun.
    """

    generation: int
    first: int
    last: int
    inputs: str
    started_at_s: int
    vin_taken: dict[int, list[int]] = {}


ENCODE = msgspec.json.Encoder().encode
DECODE_RESULT = json_record(WeekResult, "rewards: a week's result")
DECODE_STATUS = json_record(WeekStatus, "rewards: a week's state")
DECODE_RUN = json_record(Run, "rewards: the run")
