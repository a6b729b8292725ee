"""What the routes of v1 and v2 say of themselves.

Their texts are written by hand: nothing validates them, because whatever the original answered
to any bytes is what psd answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from psd.domain.command import Command
from psd.engine.event_fields import MetricFields
from server.openapi.about import (
    FORM_TYPE,
    JSON_TYPE,
    LINES_TYPE,
    MULTIPART_TYPE,
    About,
    Example,
    json_answer,
    text_answer,
)
from server.openapi.messages import queue_message

AnyUid = Annotated[str, Meta(description="a user; unknown ones have sum 0", examples=["1"])]
ThingName = Annotated[str, Meta(description="a configured thing", examples=["steps"])]
Atid = Annotated[str, Meta(description="an activity type, or `all`", examples=["all"])]
Start = Annotated[str, Meta(description="the first Unix second", examples=["1496539746"])]
End = Annotated[str, Meta(description="the last Unix second", examples=["1496539747"])]
Prefix = Annotated[str, Meta(description="what stands before `_<id>`", examples=["hifive"])]
Whole = Annotated[str, Meta(description="an integer", pattern="^-?[0-9]+$", examples=["10"])]
Ids = Annotated[str, Meta(description="separated by commas", examples=["1,2"])]
Things = Annotated[str, Meta(description="separated by commas", examples=["steps,points"])]
Offsets = Annotated[
    str, Meta(description="seconds for each id, separated by commas", examples=["0,-28800"])
]
SumsByUid = Annotated[
    str, Meta(description="JSON, sent as text: the sums by user", examples=['{"1":10,"2":0}'])
]
ThingSums = dict[str, int | list[int]]


class IdsForm(msgspec.Struct):
    """Users, or the ids of counts; a field that is missing is an empty text."""

    ids: Ids = ""


class ThingsForm(IdsForm):
    """Users and things."""

    things: Things = ""


class OffsetsForm(ThingsForm):
    """Users, things, and an offset for each user."""

    offsets: Offsets = ""


class UserTotals(msgspec.Struct):
    """Sums and the types of activities, by user."""

    values: dict[str, int]
    atids: dict[str, list[int]]


class TotalsByUser(msgspec.Struct):
    """Sums by user and thing; `_atids` has one type for each activity."""

    data: dict[str, ThingSums]


class Refused(msgspec.Struct):
    """Why nothing of one document was booked."""

    index: int
    code: str
    message: str


class Summary(msgspec.Struct):
    """What became of the documents of a body, by outcome."""

    booked: int
    unchanged: int
    duplicate: int
    refused: list[Refused]
    withdrawn: int | UnsetType = UNSET


class Enqueued(msgspec.Struct):
    """How many messages the queue has taken."""

    enqueued: int


RANGE = {"atid": Atid, "start": Start, "end": End}

_REPORT = '{"thing":"steps","uid":1,"atid":2,"aid":3,"value":10,"ts1":1496539746,"ts2":1496539747}'
_COUNT = '{"command":"count","count":{"thing":"hifive_1","value":1,"ts":1458147411}}'


def _form(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {FORM_TYPE: kind, MULTIPART_TYPE: kind}


WRITE = About(
    group="Original",
    summary="Book one report, or one increment.",
    details="Activity `aid`, of type `atid`, of user `uid`, totals `value` of `thing` from `ts1` "
    "to `ts2`, both included. Whatever is refused, nothing is written.",
    body={JSON_TYPE: MetricFields},
    answers=(text_answer(Literal["ok"], "booked, or booked before"),),
    refused=(406, 422),
    examples=(Example("/v1/write", "ok", _REPORT),),
)
WRITE_MANY = About(
    group="Original",
    summary="Book a list of reports, or one a line.",
    details="Each stands or falls by itself; sending the same body again is safe.",
    body={JSON_TYPE: list[MetricFields], LINES_TYPE: MetricFields},
    body_needed=False,
    answers=(
        json_answer(Summary, "what became of them"),
        json_answer(Summary, "some were refused; the others are booked", 406),
    ),
    refused=(422,),
    examples=(
        Example(
            "/v1/write_many",
            '{"booked":1,"unchanged":0,"duplicate":0,"refused":[{"index":1,'
            '"code":"unknown_thing","message":"thing: \'floors\' is unknown; known are ..."}]}',
            '[{"thing":"steps","uid":9,"aid":4,"value":7,"ts1":1496539746,"ts2":1496539747},'
            '{"thing":"floors"}]',
        ),
    ),
)


def enqueue_about(commands: Sequence[Command]) -> About:
    """The route that takes messages of any command."""
    message = queue_message(commands)
    return About(
        group="Original",
        summary="Put messages on the queue, one a line.",
        details="All are checked before any is published.",
        body={JSON_TYPE: message, LINES_TYPE: message},
        answers=(json_answer(Enqueued, "the queue has them", 202),),
        refused=(406, 422),
        examples=(Example("/v1/enqueue", '{"enqueued":1}', _COUNT),),
    )


QUERY = About(
    group="Original",
    summary="One user's sum of one thing.",
    path={"uid": AnyUid, "thing": ThingName, **RANGE},
    answers=(text_answer(Whole, "the sum; 0 where there is none"),),
    refused=(410, 422),
    examples=(Example("/v1/query/1/steps/all/1496539746/1496539747", "10"),),
)
QUERY_IDS = About(
    group="Original",
    summary="Many users' sums of one thing.",
    path={"thing": ThingName, **RANGE},
    body=_form(IdsForm),
    body_needed=False,
    answers=(text_answer(SumsByUid, "the sums by user"),),
    refused=(410, 422),
    examples=(
        Example(
            "/v1/query_ids/steps/all/1496539746/1496539747",
            '{"1":10,"2":0}',
            "ids=1,2",
        ),
    ),
)
MU_QUERY = About(
    group="Original",
    summary="Many users' sums of one thing, and the types of their activities.",
    path={"thing": ThingName, **RANGE},
    body=_form(IdsForm),
    body_needed=False,
    answers=(json_answer(UserTotals, "sums and types by user"),),
    refused=(410, 422),
    examples=(
        Example(
            "/v1/mu_query/steps/all/1496539746/1496539747",
            '{"values":{"1":10,"2":0},"atids":{"1":[2],"2":[]}}',
            "ids=1,2",
        ),
    ),
)
MUMT_QUERY = About(
    group="Original",
    summary="Many users' sums of many things.",
    details="A user without any activity is left out, and so is one whose points are exactly 0.",
    path=RANGE,
    body=_form(ThingsForm),
    body_needed=False,
    answers=(json_answer(TotalsByUser, "sums by user and thing"),),
    refused=(410, 422),
    examples=(
        Example(
            "/v1/mumt_query/all/1496539746/1496539747",
            '{"data":{"1":{"_atids":[2],"steps":10}}}',
            "ids=1,2&things=steps",
        ),
    ),
)
MUMT_QUERY_AT_OFFSETS = About(
    group="Original",
    summary="Many users' sums of many things, with a time offset for each user.",
    details="The offset is added to both ends. There are as many offsets as ids.",
    path=RANGE,
    body=_form(OffsetsForm),
    body_needed=False,
    answers=(json_answer(TotalsByUser, "sums by user and thing"),),
    refused=(410, 422),
    examples=(
        Example(
            "/v2/mumt_query/all/1496568546/1496568547",
            '{"data":{"1":{"_atids":[2],"steps":10}}}',
            "ids=1&things=steps&offsets=-28800",
        ),
    ),
)
READ_COUNT = About(
    group="Original",
    summary="The sum of one global count.",
    path={"thing": Annotated[str, Meta(description="its name", examples=["hifive_1"])], **RANGE},
    answers=(text_answer(Whole, "the sum; 0 where there is none"),),
    refused=(410, 422),
    examples=(Example("/v1/readcount/hifive_1/1458147000/1458148000", "..."),),
)
READ_COUNTS = About(
    group="Original",
    summary="The sums of the counts of a prefix, by id.",
    path={"prefix": Prefix, **RANGE},
    body=_form(IdsForm),
    body_needed=False,
    answers=(text_answer(SumsByUid, "the sums by id"),),
    refused=(410, 422),
    examples=(
        Example(
            "/v1/readcount_with_ids/hifive/1458147000/1458148000", '{"1":...,"2":0}', "ids=1,2"
        ),
    ),
)
