"""What the routes about single activities say of themselves."""

from __future__ import annotations

from psd.queries.activity_answers import (
    ActivitiesAnswer,
    ActivitiesQuery,
    AuditAnswer,
    AuditQuery,
    ErasedAnswer,
    EraseQuery,
    WithdrawnAnswer,
    WithdrawQuery,
)
from server.openapi.about import (
    CSV_TYPE,
    JSON_TYPE,
    MSGPACK_TYPE,
    About,
    Answer,
    Example,
    Uid,
    User,
    json_answer,
)
from server.openapi.questions import FormatQuery, Rows

ACTIVITIES = About(
    group="Activities",
    summary="A user's activities in a range.",
    details="In the order of their first booking there. Users who may not be seen have none.",
    path={"uid": User},
    query=(ActivitiesQuery, FormatQuery),
    headers={"If-None-Match": "the ETag of an earlier answer"},
    answers=(
        Answer(
            200,
            "a page of activities",
            {JSON_TYPE: ActivitiesAnswer, CSV_TYPE: Rows, MSGPACK_TYPE: ActivitiesAnswer},
        ),
        Answer(304, "of a closed range: you have this answer already"),
    ),
    refused=(410, 422),
    examples=(
        Example(
            "/v3/users/1/activities?start=2017-06-04T00:00:00Z&thing=steps",
            '{"data":[{"aid":"3","atid":"2","sums":{"steps":10},"bookings":1,'
            '"first":"2017-06-04T01:29:07Z","last":"2017-06-04T01:29:07Z"}],"next":null,...}',
        ),
    ),
)
WITHDRAW = About(
    group="Activities",
    summary="Take an activity back.",
    details="Its bookings go from every sum and board, and what it had is kept in the audit log. "
    "The note comes in the URL or in a JSON object.",
    path={"uid": User, "aid": Uid},
    query=(WithdrawQuery,),
    body={JSON_TYPE: WithdrawQuery},
    body_needed=False,
    answers=(json_answer(WithdrawnAnswer, "withdrawn, now or before"),),
    refused=(404, 409, 410),
    examples=(
        Example(
            "/v3/users/1/activities/3?note=counted+twice",
            '{"uid":"1","aid":"3","status":"withdrawn","taken":[{"thing":"steps","atid":"2",'
            '"sum":10,"bookings":1,...}]}',
        ),
    ),
)
AUDIT = About(
    group="Activities",
    summary="Who withdrew which of a user's activities, the newest first.",
    path={"uid": User},
    query=(AuditQuery,),
    answers=(json_answer(AuditAnswer, "a page of withdrawals"),),
    examples=(
        Example(
            "/v3/users/1/audit",
            '{"data":[{"action":"withdraw","aid":"3","at":"...","by":"...","note":"counted twice",'
            '"taken":[{"thing":"steps","atid":"2","sum":10,"bookings":1,...}]}],"next":null}',
        ),
    ),
)
ERASE = About(
    group="Activities",
    summary="Erase a user and all that is known of them.",
    details="All that was booked, the places on boards, the log and the name; in finals another "
    "number takes the user's place. It takes some 3 s. What `archive.left` counts are files that "
    "are being written: `psd users cut` cuts them later. What comes for the user afterwards begins "
    "anew. Safe to repeat. Needs scope admin, or a token of this user that may write.",
    path={"uid": User},
    query=(EraseQuery,),
    answers=(json_answer(ErasedAnswer, "erased, now or before"),),
    examples=(
        Example(
            "/v3/users/leaving@example.com",
            '{"uid":"leaving@example.com","status":"erased","keys":0,"boards":0,"archive":{...}}',
        ),
    ),
)
