"""What the routes that are sent things about vehicles say of themselves."""

from __future__ import annotations

from types import GenericAlias

import msgspec

from psd.rewards.vehicle_messages import ActivityFields, EarningsFields, VehicleFields
from server.openapi.about import JSON_TYPE, LINES_TYPE, About, Example, json_answer
from server.openapi.original import Summary

_BOOKED = '{"booked":1,"unchanged":0,"duplicate":0,"refused":[]}'


def _intake(kind: type[msgspec.Struct], summary: str, example: Example) -> About:
    return About(
        group="Rewards",
        summary=summary,
        details="A JSON list, one object, or one object a line; each stands or falls by itself.",
        body={JSON_TYPE: GenericAlias(list, (kind,)), LINES_TYPE: kind},
        body_needed=False,
        answers=(
            json_answer(Summary, "what became of them"),
            json_answer(Summary, "some were refused; the others are booked", 406),
        ),
        refused=(422,),
        examples=(example,),
    )


ACTIVITY = _intake(
    ActivityFields,
    "Book that vehicles were active.",
    Example(
        "/v3/activity",
        _BOOKED,
        '[{"vehicle":7,"integration":"Smartcar","time":"2022-02-07T05:00:00Z"}]',
    ),
)
EARNINGS = _intake(
    EarningsFields,
    "Book points earned for something else.",
    Example(
        "/v3/earnings",
        _BOOKED,
        '[{"vehicle":7,"thing":"promotions","points":500,"time":1644210000,"id":"p-1"}]',
    ),
)
VEHICLES = _intake(
    VehicleFields,
    "Keep what is known of vehicles.",
    Example("/v3/vehicles", _BOOKED, '[{"vehicle":7,"integrations":["Smartcar"]}]'),
)
