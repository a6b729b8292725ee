"""What ``POST /v3/events`` says of itself."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from psd.engine.events import CountFields, MetricFields
from psd.engine.withdrawal import WithdrawFields
from psd.queries.reported import ReportedAnswer, WindowFields
from psd.rewards.vehicle_messages import ActivityFields, EarningsFields, VehicleFields
from server.cloudevents import BATCH, STRUCTURED
from server.openapi.about import (
    JSON_TYPE,
    LINES_TYPE,
    MSGPACK_TYPE,
    About,
    Example,
    json_answer,
)
from server.openapi.original import Command


class CloudEvent(msgspec.Struct):
    """A CloudEvent 1.0: `type` is `psd.` and a command, `data` what stands beside it."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    data: Any = UNSET
    data_base64: str | UnsetType = UNSET
    time: str | None = None
    datacontenttype: str | None = None


class EventDocument(MetricFields):
    """A message of the queue, or the fields of one metric: what has no `command` is a metric."""

    command: Command | UnsetType = UNSET
    metric: MetricFields | UnsetType = UNSET
    metrics: list[MetricFields] | UnsetType = UNSET
    count: CountFields | UnsetType = UNSET
    activity: ActivityFields | UnsetType = UNSET
    activities: list[ActivityFields] | UnsetType = UNSET
    earnings: EarningsFields | list[EarningsFields] | UnsetType = UNSET
    vehicle: VehicleFields | UnsetType = UNSET
    vehicles: list[VehicleFields] | UnsetType = UNSET
    withdraw: WithdrawFields | UnsetType = UNSET


def events(answer: type[msgspec.Struct]) -> About:
    """The route, whose answer has this shape."""
    return About(
        group="Events",
        summary="Book up to 5,000 documents of any kind.",
        details="Each stands or falls by itself: the status is 200 also when some were refused, "
        "and the answer tells in order what became of each. A CloudEvent in binary mode has its "
        "attributes in headers `ce-*`.",
        headers={
            "Idempotency-Key": "Sent again with the same key, a request gets the first answer."
        },
        body={
            JSON_TYPE: list[EventDocument],
            LINES_TYPE: EventDocument,
            MSGPACK_TYPE: list[EventDocument],
            STRUCTURED: CloudEvent,
            BATCH: list[CloudEvent],
        },
        body_needed=False,
        answers=(json_answer(answer, "what became of each document"),),
        refused=(406, 409, 422),
        examples=(
            Example(
                "/v3/events",
                '{"data":[{"index":0,"status":"booked"},{"index":1,"status":"refused",'
                '"code":"missing_id","field":"id","message":"id: ..."}],'
                '"summary":{"booked":1,...}}',
                '[{"thing":"steps","uid":11,"aid":1,"value":90,"ts1":1460419200,'
                '"ts2":1460419260},'
                '{"command":"count","count":{"thing":"signups","value":1,"ts":1460419200}}]',
                "application/json",
            ),
        ),
    )


REPORTS = About(
    group="Events",
    summary="Which reports stand, of up to 5,000.",
    details="A document names a window of an activity in the words of a report; what it says of "
    "`atid` and `value` is passed over. The answer has a row for each, in order.",
    body={JSON_TYPE: list[WindowFields], LINES_TYPE: WindowFields},
    body_needed=False,
    answers=(json_answer(ReportedAnswer, "what stands in each window"),),
    refused=(422,),
    examples=(
        Example(
            "/v3/reports",
            '{"data":[{"status":"booked","atid":"2","value":10},{"status":"absent"}]}',
            '[{"thing":"steps","uid":1,"aid":3,"ts1":1496539746,"ts2":1496539747},'
            '{"thing":"steps","uid":1,"aid":3,"ts1":1496539746,"ts2":1496539748}]',
        ),
    ),
)
