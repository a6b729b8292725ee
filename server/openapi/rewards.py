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
from server.openapi.about import About, Example, json_answer

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
    """A part of a week's board."""

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


def statement() -> About:
    """``/v3/vehicles/{id}/statement``."""
    return About(
        group="Rewards",
        summary="A vehicle's week, each number explained.",
        path={"id": Vehicle},
        query=(WeekQuery,),
        answers=(json_answer(Statement, "the statement"),),
        refused=(404, 406, 410),
        examples=(
            Example(
                "/v3/vehicles/7/statement?week=4",
                '{"vehicle":7,"week":4,"start":"2022-02-28T05:00:00Z",'
                '"end":"2022-03-07T05:00:00Z","connection_streak":5,...,"points":8000,...,'
                '"explanation":[{"number":"connection_streak","value":5,'
                '"rule":"Connected: one more than the 4 weeks before."},...]}',
            ),
        ),
    )


def board(page: type[msgspec.Struct]) -> About:
    """``/v3/streaks``."""
    return About(
        group="Rewards",
        summary="The longest streaks of a week.",
        details="Equal streaks share a rank.",
        query=(BoardQuery,),
        answers=(json_answer(page, "a part of the board"),),
        refused=(404, 406),
        examples=(
            Example(
                "/v3/streaks",
                '{"week":4,"data":[{"rank":1,"vehicle":7,"connection_streak":5,"level":2,'
                '"points":8000}],"next":null}',
            ),
        ),
    )


def at_risk(page: type[msgspec.Struct]) -> About:
    """``/v3/streaks/at-risk``."""
    return About(
        group="Rewards",
        summary="Vehicles that were active last week and not yet this week.",
        details="A page may be empty while `next` is not null: go on until it is.",
        query=(RiskQuery,),
        answers=(json_answer(page, "a part of them"),),
        refused=(406,),
        examples=(
            Example(
                "/v3/streaks/at-risk?owner=0xab..",
                '{"week":6,"data":[{"vehicle":4,"owner":"0xab..","connection_streak":...,'
                '"level":1,"last_activity":"2022-03-07T06:00:00Z",'
                '"deadline":"2022-03-21T05:00:00Z"}],"next":null}',
            ),
        ),
    )


def user(page: type[msgspec.Struct]) -> About:
    """``/v1/user``."""
    return About(
        group="Rewards",
        summary="An owner's vehicles, and what they earned.",
        query=(OwnerQuery,),
        answers=(json_answer(page, "the owner's page"),),
        refused=(404, 422),
        examples=(
            Example(
                "/v1/user?owner=42",
                '{"points":...,"tokens":...,"walletBalance":null,"devices":[{"id":"7",...}],'
                '"thisWeek":{"start":"2022-03-14T05:00:00Z","end":"2022-03-21T05:00:00Z"}}',
            ),
        ),
    )


def history(week: type[msgspec.Struct]) -> About:
    """``/v1/user/history``."""
    return About(
        group="Rewards",
        summary="What an owner's vehicles earned, by week.",
        query=(OwnerQuery,),
        answers=(json_answer(_weeks("History", week), "the weeks, newest first"),),
        refused=(422,),
        examples=(
            Example(
                "/v1/user/history?owner=42",
                '{"weeks":[{"start":"2022-02-28T05:00:00Z","end":"2022-03-07T05:00:00Z",'
                '"points":8000,"tokens":1105000000000000000000000},...]}',
            ),
        ),
    )


def convert(conversion: type[msgspec.Struct]) -> About:
    """``/v1/rewards/convert``."""
    return About(
        group="Rewards",
        summary="What points were worth in tokens.",
        details="By the newest computed week that is not after that of `time`.",
        query=(ConvertQuery,),
        answers=(json_answer(conversion, "the worth"),),
        refused=(404,),
        examples=(
            Example(
                "/v1/rewards/convert?points=1000",
                '{"points":1000,"tokens":138125,"startOfWeek":"2022-02-28T05:00:00Z"}',
            ),
        ),
    )


def device(week: type[msgspec.Struct]) -> About:
    """``/v1/aftermarket/device/{tokenID}``."""
    return About(
        group="Rewards",
        summary="The weeks of a device, newest first.",
        path={"tokenID": Device},
        answers=(json_answer(_weeks("DeviceHistory", week), "the weeks"),),
        examples=(
            Example(
                "/v1/aftermarket/device/7",
                '{"weeks":[{"start":"2022-02-28T05:00:00Z","end":"2022-03-07T05:00:00Z",'
                '"tokens":1105000000000000000000000,"vehicleId":7},...]}',
            ),
        ),
    )


def _weeks(name: str, week: type[msgspec.Struct]) -> Any:
    return msgspec.defstruct(name, [("weeks", GenericAlias(list, (week,)))])
