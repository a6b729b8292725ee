"""Answers whose structs the server has to itself, and those of vehicles; see also psd/queries.

::

    {"data": [{"index": 1, "status": "refused", "code": "missing_id", "field": "id", ...}],
     "summary": {"booked": 1, ..., "refused": 1}}
    -> EventsAnswer, whose ``refused`` are the results to look at

A test holds them against the server's own (tests/unit/test_client.py).
"""

from __future__ import annotations

import msgspec

from psd.engine.outcomes import Status
from psd.frames import Rows
from psd.queries.boards.requests import BoardRow

__all__ = [
    "EventResult",
    "EventsAnswer",
    "KeptBoard",
    "Refusal",
    "VehiclesBooked",
]


class EventResult(msgspec.Struct, frozen=True):
    """What became of one event; the last three only of one that was refused."""

    index: int
    status: Status
    code: str = ""
    field: str = ""
    message: str = ""


class EventsAnswer(Rows, frozen=True):
    """What became of each event, in order, and how many became what."""

    data: list[EventResult]
    summary: dict[str, int]

    @property
    def refused(self) -> list[EventResult]:
        """Those that were not booked and never will be."""
        return [each for each in self.data if each.status == "refused"]


class Refusal(msgspec.Struct, frozen=True):
    """Why nothing of one document was booked."""

    index: int
    code: str
    message: str


class VehiclesBooked(msgspec.Struct, frozen=True):
    """How many documents about vehicles became what, and those that were refused."""

    booked: int
    unchanged: int
    duplicate: int
    refused: list[Refusal]
    withdrawn: int = 0


class KeptBoard(msgspec.Struct, frozen=True):
    """A board, and the tag that a change of this very version names."""

    board: BoardRow
    tag: str
