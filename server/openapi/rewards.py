"""What the routes that read rewards say of themselves.

The shapes of their answers are with the routes, which hand them over::

    Route("GET", "/v1/user", self.user, "user", "read", about=rewards.user(UserPage))
"""

from __future__ import annotations

from types import GenericAlias
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from psd.engine.events import ID_MAX
from psd.rewards.statement import Statement
from psd.rewards.weeks import WEEK_MAX
from server.openapi.about import About, Answer, Example, json_answer

Vehicle = Annotated[int, Meta(ge=0, le=ID_MAX, description="its number", examples=[7])]
Device = Annotated[str, Meta(description="taken as the vehicle's number", examples=["8"])]
Week = Annotated[int, Meta(ge=0, le=WEEK_MAX, description="the newest computed one unless given")]
Limit = Annotated[int, Meta(ge=1, le=1000)]
Owner = Annotated[str, Meta(description="needed where the token is not of one owner")]
Cursor = Annotated[str, Meta(description="the `next` of the page before")]


class WeekQuery(msgspec.Struct):
    """Which week."""

    week: Week | None = None


class OwnerQuery(msgspec.Struct):
    """Whose vehicles."""

    owner: Owner | None = None


class BoardQuery(msgspec.Struct):
    """A part of a week's longest streaks."""

    week: Week | None = None
    limit: Limit = 100
    cursor: Cursor | None = None


class RiskQuery(msgspec.Struct):
    """A part of those at risk."""

    owner: Annotated[str, Meta(description="everybody's vehicles unless given")] | None = None
    limit: Limit = 100
    cursor: Cursor | None = None


class ConvertQuery(msgspec.Struct):
    """How many points, and when."""

    points: Annotated[int, Meta(ge=1, le=10**18 - 1)]
    time: Annotated[str, Meta(description="RFC 3339; last week unless given")] | None = None


def _told(summary: str, answer: Answer, example: Example, **more: Any) -> About:
    """``more`` are other fields of About."""
    return About(group="Rewards", summary=summary, answers=(answer,), examples=(example,), **more)


def statement() -> About:
    """``/v3/vehicles/{id}/statement``."""
    return _told(
        "A vehicle's week, each number explained.",
        json_answer(Statement, "the statement"),
        Example(
            "/v3/vehicles/7/statement?week=4",
            '{"vehicle":"7","week":4,"start":"2022-02-28T05:00:00Z",'
            '"end":"2022-03-07T05:00:00Z","connection_streak":5,...,"points":8000,...,'
            '"explanation":[{"number":"connection_streak","value":5,'
            '"rule":"Connected: one more than the 4 weeks before."},...]}',
        ),
        path={"id": Vehicle},
        query=(WeekQuery,),
        refused=(404, 406, 410),
    )


def streaks(page: type[msgspec.Struct]) -> About:
    """``/v3/streaks``."""
    return _told(
        "The longest streaks of a week.",
        json_answer(page, "a part of the longest streaks"),
        Example(
            "/v3/streaks",
            '{"week":4,"data":[{"rank":1,"vehicle":"7","connection_streak":5,"level":2,'
            '"points":8000}],"next":null}',
        ),
        details="Equal streaks share a rank.",
        query=(BoardQuery,),
        refused=(404, 406),
    )


def at_risk(page: type[msgspec.Struct]) -> About:
    """``/v3/streaks/at-risk``."""
    return _told(
        "Vehicles that were active last week and not yet this week.",
        json_answer(page, "a part of them"),
        Example(
            "/v3/streaks/at-risk?owner=0xab..",
            '{"week":6,"data":[{"vehicle":"4","owner":"0xab..","connection_streak":...,'
            '"level":1,"last_activity":"2022-03-07T06:00:00Z",'
            '"deadline":"2022-03-21T05:00:00Z"}],"next":null}',
        ),
        details="A page may be empty while `next` is not null: go on until it is.",
        query=(RiskQuery,),
        refused=(406,),
    )


def user(page: type[msgspec.Struct]) -> About:
    """``/v1/user``."""
    return _told(
        "An owner's vehicles, and what they earned.",
        json_answer(page, "the owner's page"),
        Example(
            "/v1/user?owner=42",
            '{"points":...,"tokens":...,"walletBalance":null,"devices":[{"id":"7",...}],'
            '"thisWeek":{"start":"2022-03-14T05:00:00Z","end":"2022-03-21T05:00:00Z"}}',
        ),
        query=(OwnerQuery,),
        refused=(404, 422),
    )


def history(week: type[msgspec.Struct]) -> About:
    """``/v1/user/history``."""
    return _told(
        "What an owner's vehicles earned, by week.",
        json_answer(_weeks("History", week), "the weeks, newest first"),
        Example(
            "/v1/user/history?owner=42",
            '{"weeks":[{"start":"2022-02-28T05:00:00Z","end":"2022-03-07T05:00:00Z",'
            '"points":8000,"tokens":1105000000000000000000000},...]}',
        ),
        query=(OwnerQuery,),
        refused=(422,),
    )


def convert(conversion: type[msgspec.Struct]) -> About:
    """``/v1/rewards/convert``."""
    return _told(
        "What points were worth in tokens.",
        json_answer(conversion, "the worth"),
        Example(
            "/v1/rewards/convert?points=1000",
            '{"points":1000,"tokens":138125,"startOfWeek":"2022-02-28T05:00:00Z"}',
        ),
        details="By the newest computed week that is not after that of `time`.",
        query=(ConvertQuery,),
        refused=(404,),
    )


def device(week: type[msgspec.Struct]) -> About:
    """``/v1/aftermarket/device/{tokenID}``."""
    return _told(
        "The weeks of a device, newest first.",
        json_answer(_weeks("DeviceHistory", week), "the weeks"),
        Example(
            "/v1/aftermarket/device/7",
            '{"weeks":[{"start":"2022-02-28T05:00:00Z","end":"2022-03-07T05:00:00Z",'
            '"tokens":1105000000000000000000000,"vehicleId":7},...]}',
        ),
        path={"tokenID": Device},
    )


def _weeks(name: str, week: type[msgspec.Struct]) -> Any:
    return msgspec.defstruct(name, [("weeks", GenericAlias(list, (week,)))])
