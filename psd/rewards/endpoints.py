"""What the rewards answer over HTTP, and what is said of it in the reference."""

from __future__ import annotations

from functools import partial

from psd.domain.question import Endpoint
from psd.rewards.dialect import ORIGINAL
from psd.rewards.listings import (
    OwnerHistory,
    OwnerVehicles,
    RiskPage,
    StreaksPage,
    VehicleHistory,
    WeeksPage,
)
from psd.rewards.original import (
    Conversion,
    ConvertQuery,
    DeviceHistory,
    DeviceNumber,
    History,
    OriginalPages,
    OwnerQuery,
    UserPage,
)
from psd.rewards.questions import RewardsQuestions, RiskQuery, StreaksQuery, Vehicle, WeekQuery
from psd.rewards.statement import Statement
from psd.rewards.week_questions import OwnerOfQuery, WeekQuestions, WeeksQuery
from psd.rewards.what_if_listings import WhatIfAnswer
from psd.rewards.what_if_questions import WhatIfQuery, WhatIfQuestions

_page = partial(Endpoint, dialect=ORIGINAL)


def endpoints(
    questions: RewardsQuestions,
    weeks: WeekQuestions,
    what_if: WhatIfQuestions,
    pages: OriginalPages,
) -> list[Endpoint]:
    """All of them: v3, and the original's pages."""
    return [
        _of_a_statement(questions),
        *_of_streaks(questions),
        _of_weeks(weeks),
        *_of_an_owners_vehicles(weeks),
        _of_a_vehicle(weeks),
        _of_what_if(what_if),
        *_of_an_owner(pages),
        *_of_worth(pages),
    ]


def _of_a_statement(questions: RewardsQuestions) -> Endpoint:
    return Endpoint(
        path="/v3/vehicles/{id}/statement",
        parts={"id": Vehicle},
        query=WeekQuery,
        answer=Statement,
        ask=questions.statement,
        meaning="the statement",
        example=(
            "/v3/vehicles/7/statement?week=4",
            '{"vehicle":"7","week":4,"start":"2022-02-28T05:00:00Z",'
            '"end":"2022-03-07T05:00:00Z","connection_streak":5,...,"points":8000,...,'
            '"explanation":[{"number":"connection_streak","value":5,'
            '"rule":"Connected: one more than the 4 weeks before."},...]}',
        ),
        refused=(404, 406, 410),
    )


def _of_streaks(questions: RewardsQuestions) -> list[Endpoint]:
    return [
        Endpoint(
            path="/v3/streaks",
            query=StreaksQuery,
            answer=StreaksPage,
            ask=questions.streaks,
            meaning="a part of the longest streaks",
            details="Equal streaks share a rank.",
            example=(
                "/v3/streaks",
                '{"week":4,"data":[{"rank":1,"vehicle":"7","connection_streak":5,"level":2,'
                '"points":8000}],"next":null}',
            ),
            refused=(404, 406),
            whole=True,
        ),
        Endpoint(
            path="/v3/streaks/at-risk",
            query=RiskQuery,
            answer=RiskPage,
            ask=questions.at_risk,
            meaning="a part of them",
            details="A page may be empty while `next` is not null: go on until it is.",
            example=(
                "/v3/streaks/at-risk?owner=0xab..",
                '{"week":6,"data":[{"vehicle":"4","owner":"0xab..","connection_streak":...,'
                '"level":1,"last_activity":"2022-03-07T06:00:00Z",'
                '"deadline":"2022-03-21T05:00:00Z"}],"next":null}',
            ),
            refused=(406,),
        ),
    ]


def _of_weeks(questions: WeekQuestions) -> Endpoint:
    return Endpoint(
        path="/v3/rewards/weeks",
        query=WeeksQuery,
        answer=WeeksPage,
        ask=questions.weeks,
        meaning="a part of the weeks",
        details="`dirty` counts what came since a week was computed.",
        example=(
            "/v3/rewards/weeks?limit=1",
            '{"data":[{"week":4,"start":"2022-02-28T05:00:00Z","end":"2022-03-07T05:00:00Z",'
            '"status":"Finished","reason":"","vehicles":1,"connected":1,"points":8000,...}],'
            '"next":"NC4w"}',
        ),
        refused=(406,),
        whole=True,
    )


def _of_an_owners_vehicles(questions: WeekQuestions) -> list[Endpoint]:
    """What they are now, and what they had week by week."""
    return [
        Endpoint(
            path="/v3/rewards/vehicles",
            query=OwnerOfQuery,
            answer=OwnerVehicles,
            ask=questions.vehicles,
            meaning="the vehicles, by number",
            example=(
                "/v3/rewards/vehicles?owner=42",
                '{"owner":"42","week":6,"data":[{"vehicle":"7","connection_streak":5,...,'
                '"paired":[...],"active":[],"connected":false}]}',
            ),
            refused=(406, 422),
        ),
        Endpoint(
            path="/v3/rewards/history",
            query=OwnerOfQuery,
            answer=OwnerHistory,
            ask=questions.history,
            meaning="the weeks, newest first",
            example=(
                "/v3/rewards/history?owner=42",
                '{"owner":"42","data":[{"week":4,"start":"2022-02-28T05:00:00Z",'
                '"end":"2022-03-07T05:00:00Z","points":8000,"tokens":"1105000..."},...]}',
            ),
            refused=(406, 422),
        ),
    ]


def _of_a_vehicle(questions: WeekQuestions) -> Endpoint:
    return Endpoint(
        path="/v3/vehicles/{id}/weeks",
        parts={"id": Vehicle},
        answer=VehicleHistory,
        ask=questions.of_vehicle,
        meaning="the weeks, newest first",
        example=(
            "/v3/vehicles/7/weeks",
            '{"vehicle":"7","data":[{"week":4,...,"points":8000,"tokens":"1105000..."},...]}',
        ),
        refused=(406,),
    )


def _of_what_if(questions: WhatIfQuestions) -> Endpoint:
    return Endpoint(
        path="/v3/rewards/what-if",
        query=WhatIfQuery,
        answer=WhatIfAnswer,
        ask=questions.ask,
        meaning="a row for each week and each of the tables",
        details="Weeks are settled again from their visible rows. Nothing is written.",
        example=(
            "/v3/rewards/what-if?first=4&last=4&tables=weeks_off_to_drop%3D5",
            '{"tables":[{"number":1,"version":"2022-seed","digest":"..."}],"data":[{"week":4,'
            '"number":1,"rows_changed":0,...,"points_before":8000,"points":8000,...}],...}',
        ),
        refused=(404, 406, 422),
        whole=True,
    )


def _of_an_owner(pages: OriginalPages) -> list[Endpoint]:
    """The original's pages of somebody."""
    return [
        _page(
            path="/v1/user",
            query=OwnerQuery,
            answer=UserPage,
            ask=pages.user,
            meaning="the owner's page",
            example=(
                "/v1/user?owner=42",
                '{"points":...,"tokens":...,"walletBalance":null,"devices":[{"id":"7",...}],'
                '"thisWeek":{"start":"2022-03-14T05:00:00Z","end":"2022-03-21T05:00:00Z"}}',
            ),
            refused=(404, 422),
        ),
        _page(
            path="/v1/user/history",
            query=OwnerQuery,
            answer=History,
            ask=pages.history,
            meaning="the weeks, newest first",
            example=(
                "/v1/user/history?owner=42",
                '{"weeks":[{"start":"2022-02-28T05:00:00Z","end":"2022-03-07T05:00:00Z",'
                '"points":8000,"tokens":1105000000000000000000000},...]}',
            ),
            refused=(422,),
        ),
    ]


def _of_worth(pages: OriginalPages) -> list[Endpoint]:
    """The original's pages of what points are worth, and of one device."""
    return [
        _page(
            path="/v1/rewards/convert",
            query=ConvertQuery,
            answer=Conversion,
            ask=pages.convert,
            meaning="the worth",
            details="By the newest computed week that is not after that of `time`.",
            example=(
                "/v1/rewards/convert?points=1000",
                '{"points":1000,"tokens":138125,"startOfWeek":"2022-02-28T05:00:00Z"}',
            ),
            refused=(404,),
        ),
        _page(
            path="/v1/aftermarket/device/{tokenID}",
            parts={"tokenID": DeviceNumber},
            answer=DeviceHistory,
            ask=pages.device,
            meaning="the weeks",
            example=(
                "/v1/aftermarket/device/7",
                '{"weeks":[{"start":"2022-02-28T05:00:00Z","end":"2022-03-07T05:00:00Z",'
                '"tokens":1105000000000000000000000,"vehicleId":7},...]}',
            ),
        ),
    ]
