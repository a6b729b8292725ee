"""The original's pages of rewards: an owner's summary and history, a device's weeks, conversion.

Names, order and shapes are the original's (rewards-api); tokens are whole numbers of 10^-18,
written out however long they are::

    GET /v1/user/history
    -> {"weeks":[{"start":"2022-02-07T05:00:00Z","end":"2022-02-14T05:00:00Z","points":7000,
        "tokens":1105000000000000000000000}]}

What psd does not know of is said as follows: ``id`` of a device is the vehicle's number, the
wallet's balance is null, everybody has opted in. ``minted`` is false only of a vehicle that is
known not to be, ``vinConfirmed`` true of one whose VIN is known. An integration shows points when
it was active this week, is paired, and the vehicle may earn.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from psd.clock import Clock, utc_text
from psd.domain.question import Asked
from psd.engine.event_times import second_in
from psd.engine.plan import ISSUANCE_START_S, WEEK_S
from psd.errors import InvalidTimeError, MalformedError, NotFoundError
from psd.rewards.accounts import Account, Accounts, Device, WeekSum
from psd.rewards.levels import level_of, standing
from psd.rewards.shares import WEI
from psd.rewards.store import RewardsStore
from psd.rewards.tables import Tables
from psd.rewards.visible_owners import asked_owner, sees
from psd.rewards.week_results import WeekResult
from psd.rewards.weeks import bounds
from psd.slices import in_slices

_INTEGER = re.compile(r"[+-]?0*[0-9]{1,18}", re.ASCII)

Tokens = Annotated[
    msgspec.Raw, Meta(description="in 10^-18 tokens", extra_json_schema={"type": "integer"})
]
"""A whole number of any size; the schema is for the reference."""

DeviceNumber = Annotated[str, Meta(description="taken as the vehicle's number", examples=["8"])]
Owner = Annotated[str, Meta(description="needed where the token is not of one owner")]
Points = Annotated[
    Any,
    Meta(extra_json_schema={"type": "integer", "minimum": 1, "maximum": 10**18 - 1}),
]
"""Read here, because the original says in its own words what is none."""

DEVICES_AT_ONCE = 100
"""Devices of a page that are made together: 2 to 3 ms."""

TIME_RULE = "Invalid time format use RFC-3339 e.g. (2024-12-23T12:41:42Z)"


class OwnerQuery(msgspec.Struct):
    """Whose vehicles."""

    owner: Owner | None = None


class ConvertQuery(msgspec.Struct):
    """How many points, and when."""

    points: Points
    time: Annotated[str, Meta(description="RFC 3339; last week unless given")] | None = None


class UserIntegration(msgspec.Struct, rename="camel"):
    """How a vehicle is connected."""

    id: str
    vendor: str
    data_this_week: bool
    points: int
    on_chain_pairing_status: str


class UserLevel(msgspec.Struct, kw_only=True, omit_defaults=True, rename="camel"):
    """A level; the highest has no last week."""

    number: int
    min_weeks: int
    max_weeks: int | None = None
    streak_points: int


class UserDevice(msgspec.Struct, kw_only=True, omit_defaults=True, rename="camel"):
    """A vehicle over all weeks; weeks off are left out where there are none."""

    id: str
    points: int
    tokens: Tokens
    connected_this_week: bool
    integrations_this_week: list[UserIntegration]
    connection_streak: int
    disconnection_streak: int = 0
    level: UserLevel
    minted: bool
    opted_in: bool
    vin_confirmed: bool


class UserWeek(msgspec.Struct):
    """The bounds of a week."""

    start: str
    end: str


class UserPage(msgspec.Struct, rename="camel"):
    """All that an owner has."""

    points: int
    tokens: Tokens
    wallet_balance: None
    devices: list[UserDevice]
    this_week: UserWeek


class HistoryWeek(msgspec.Struct):
    """What an owner's vehicles earned in a week."""

    start: str
    end: str
    points: int
    tokens: Tokens


class DeviceWeek(msgspec.Struct, rename="camel"):
    """What a vehicle earned in a week."""

    start: str
    end: str
    tokens: Tokens
    vehicle_id: int


class Conversion(msgspec.Struct, rename="camel"):
    """What points are worth in tokens, by the pool and the points of one week."""

    points: int
    tokens: Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "number"})]
    start_of_week: str


class History(msgspec.Struct):
    """What an owner's vehicles earned, by week."""

    weeks: list[HistoryWeek]


class DeviceHistory(msgspec.Struct):
    """What a vehicle earned, by week."""

    weeks: list[DeviceWeek]


class OriginalPages:
    """Shows an owner what was earned."""

    def __init__(
        self, accounts: Accounts, results: RewardsStore, tables: Tables, clock: Clock
    ) -> None:
        self._accounts = accounts
        self._results = results
        self._tables = tables
        self._clock = clock

    async def user(self, asked: Asked) -> UserPage:
        """An owner's vehicles, and what they earned."""
        query: OwnerQuery = asked.query
        owner = asked_owner(query.owner, asked.identity)
        account = None
        if sees(asked.identity, owner):
            account = await self._accounts.account(owner)
        if account is None:
            raise NotFoundError("User unknown.")
        return await user_page(account, self._tables)

    async def history(self, asked: Asked) -> History:
        """What an owner's vehicles earned, by week.

        Every week from the newest with rewards to the first, those without between them too.
        """
        query: OwnerQuery = asked.query
        owner = asked_owner(query.owner, asked.identity)
        sums: list[WeekSum] = []
        if sees(asked.identity, owner):
            sums = await self._accounts.history(owner)
        return History(
            [HistoryWeek(*_week(each.week), each.points, whole(each.tokens)) for each in sums]
        )

    async def convert(self, asked: Asked) -> Conversion:
        """What points were worth in tokens.

        By the newest finished week that is not after a time's week.
        """
        query: ConvertQuery = asked.query
        points, week = _points(query.points), self._week_asked(query.time)
        return conversion(points, week, await self._results.results())

    async def device(self, asked: Asked) -> DeviceHistory:
        """The weeks of a device, newest first.

        psd keeps rewards by vehicle and knows no token of the device in it: the number in the
        path is taken as the vehicle's.
        """
        text: str = asked.path["tokenID"]
        if not _INTEGER.fullmatch(text):
            raise MalformedError("Couldn't parse token id.")
        vehicle = int(text)
        sums: list[WeekSum] = []
        if vehicle >= 0:
            sums = await self._accounts.weeks_of(vehicle, lambda owner: sees(asked.identity, owner))
        return DeviceHistory(
            [DeviceWeek(*_week(each.week), whole(each.tokens), vehicle) for each in sums]
        )

    def _week_asked(self, time: str | None) -> int:
        """The week of a time, or the last one; below 0 for what was before the first."""
        if time is None:
            return (self._clock.now_s() - ISSUANCE_START_S) // WEEK_S - 1
        try:
            return (second_in("time", time) - ISSUANCE_START_S) // WEEK_S
        except InvalidTimeError as exc:
            raise MalformedError(TIME_RULE) from exc


def _points(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise MalformedError("couldn't parse points value as a number")
    points = int(text)
    if points <= 0:
        raise MalformedError("points must be positive")
    return points


def conversion(points: int, week: int, results: Mapping[int, WeekResult]) -> Conversion:
    """Points in whole tokens, rounded down to 10^-18; raises NotFoundError without a week."""
    finished = max((each for each in results if each <= week), default=None)
    if finished is None:
        raise NotFoundError("no week has finished by then")
    shares = results[finished].shares
    wei = points * int(shares.pool) // shares.points if int(shares.distributed) else 0
    start = utc_text(bounds(finished).start)
    return Conversion(points, msgspec.Raw(decimal_text(wei).encode()), start)


def whole(number: int) -> msgspec.Raw:
    """A whole number of any size, in JSON; msgspec refuses what has no 64 bits."""
    return msgspec.Raw(str(number).encode())


def decimal_text(wei: int) -> str:
    """Whole tokens as an exact decimal.

    >>> decimal_text(1_500_000_000_000_000_000)
    '1.5'
    """
    whole, rest = divmod(wei, WEI)
    return f"{whole}.{rest:018d}".rstrip("0").rstrip(".")


async def user_page(account: Account, tables: Tables) -> UserPage:
    """An account in the original's shape."""

    def devices(some: Sequence[Device]) -> list[UserDevice]:
        return [_device(each, tables) for each in some]

    return UserPage(
        sum(each.points for each in account.devices),
        whole(sum(each.tokens for each in account.devices)),
        None,
        await in_slices(account.devices, devices, DEVICES_AT_ONCE),
        UserWeek(*_week(account.week)),
    )


def _device(device: Device, tables: Tables) -> UserDevice:
    vehicle, newest = device.vehicle, device.newest
    streak = newest.connection_streak if newest else 0
    level = standing(level_of(streak, tables.levels), tables.levels)
    return UserDevice(
        id=str(vehicle.vehicle),
        points=device.points,
        tokens=whole(device.tokens),
        connected_this_week=vehicle.may_earn and bool(device.live & vehicle.paired_mask),
        integrations_this_week=_integrations(device, tables),
        connection_streak=streak,
        disconnection_streak=newest.disconnection_streak if newest else 0,
        level=UserLevel(
            number=level.number,
            min_weeks=level.weeks_min,
            max_weeks=level.weeks_max,
            streak_points=level.points,
        ),
        minted=vehicle.minted is not False,
        opted_in=True,
        vin_confirmed=vehicle.vin is not None,
    )


def _integrations(device: Device, tables: Tables) -> list[UserIntegration]:
    """Those that are paired with the vehicle, and those that sent although they are not."""
    vehicle, found = device.vehicle, []
    for each in tables.integrations:
        is_paired = bool(vehicle.paired_mask >> each.id & 1)
        is_live = bool(device.live >> each.id & 1)
        if is_live or (is_paired and vehicle.integrations is not None):
            points = each.points if is_live and is_paired and vehicle.may_earn else 0
            status = "Paired" if is_paired else "Unpaired"
            found.append(UserIntegration(str(each.id), each.name, is_live, points, status))
    return found


def _week(week: int) -> tuple[str, str]:
    seconds = bounds(week)
    return utc_text(seconds.start), utc_text(seconds.end)
