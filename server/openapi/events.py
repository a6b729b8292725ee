"""What ``POST /v3/events`` says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from types import GenericAlias
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from psd.domain.command import Command
from psd.queries.reported import ReportedAnswer, WindowFields
from server.cloudevents import BATCH, STRUCTURED
from server.openapi.about import (
    JSON_TYPE,
    LINES_TYPE,
    MSGPACK_TYPE,
    About,
    Example,
    json_answer,
)
from server.openapi.messages import event_document, own_document


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


def events(answer: type[msgspec.Struct], commands: Sequence[Command]) -> About:
    """The route, whose answer has this shape; ``commands`` are those of domains."""
    document = event_document(commands)
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
            JSON_TYPE: GenericAlias(list, (document,)),
            LINES_TYPE: document,
            MSGPACK_TYPE: GenericAlias(list, (document,)),
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


def own_events(
    answer: type[msgspec.Struct], commands: Sequence[Command], path: str, group: str
) -> About:
    """The route of a domain's own messages, its ``commands``."""
    document = own_document(group, commands)
    names = ", ".join(f"`{each.name}`" for each in commands)
    return About(
        group=group,
        summary=f"Book up to 5,000 messages of {names}.",
        details="As `/v3/events` does, and of these alone.",
        headers={
            "Idempotency-Key": "Sent again with the same key, a request gets the first answer."
        },
        body={
            JSON_TYPE: GenericAlias(list, (document,)),
            LINES_TYPE: document,
            MSGPACK_TYPE: GenericAlias(list, (document,)),
        },
        body_needed=False,
        answers=(json_answer(answer, "what became of each document"),),
        refused=(406, 409, 422),
        examples=(
            Example(
                path,
                '{"data":[{"index":0,"status":"booked"}],"summary":{"booked":1,...}}',
                "[" + next(each.example for each in commands if each.example) + "]",
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
