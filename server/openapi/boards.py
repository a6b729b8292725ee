"""What the routes of named boards say of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from psd.queries.boards.answers import BracketAnswer, FinalAnswer
from psd.queries.boards.definitions import Membership
from psd.queries.boards.requests import (
    BoardBody,
    BoardRow,
    BoardsPage,
    BoardsQuery,
    BracketQuery,
    FinalBody,
    FinalQuery,
    MembersChange,
    MembersPage,
    MembersQuery,
    MembersRemoval,
    StandingQuery,
)
from psd.queries.results import LeaderboardAnswer
from server.openapi.about import (
    CSV_TYPE,
    JSON_TYPE,
    MSGPACK_TYPE,
    About,
    Answer,
    Example,
    json_answer,
)
from server.openapi.questions import FormatQuery, Rows

Name = Annotated[str, Meta(description="the board's", examples=["june"])]
Lines = Annotated[str, Meta(description="one a line")]
Fields = dict[str, Any]

MATCH = {"If-Match": "the ETag of the version to change, or *"}
NONE_MATCH = {"If-None-Match": "* makes the board only where there is none"}


def _about(
    summary: str,
    answers: tuple[Answer, ...],
    example: Example,
    *,
    query: tuple[type[msgspec.Struct], ...] = (),
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    refused: tuple[int, ...] = (),
    body_needed: bool = True,
) -> About:
    return About(
        group="Boards",
        summary=summary,
        path={"name": Name},
        query=query,
        headers=headers or {},
        body=body or {},
        body_needed=body_needed,
        answers=answers,
        refused=refused,
        examples=(example,),
    )


_ROW = '{"name":"june","revision":...,"members":...,...,"thing":"steps",...}'

PAGE = _about(
    "Boards by name.",
    (json_answer(BoardsPage, "a page of boards"),),
    Example("/v3/boards", '{"data":[...,' + _ROW + '],"next":null}'),
    query=(BoardsQuery,),
)
GET = _about("One board.", (json_answer(BoardRow, "the board"),), Example("/v3/boards/june", _ROW))
PUT = _about(
    "Make a board, or give it another definition.",
    (
        json_answer(BoardRow, "the board has another definition"),
        json_answer(BoardRow, "the board is new", 201),
    ),
    Example(
        "/v3/boards/june",
        _ROW,
        '{"thing":"steps","window":{"kind":"fixed","start":"2017-06-01T00:00:00Z",'
        '"end":"2017-07-01T00:00:00Z"},"members":["1","9"]}',
    ),
    body={JSON_TYPE: BoardBody},
    headers={**MATCH, **NONE_MATCH},
    refused=(409, 412, 422),
)
PATCH = _about(
    "Replace single fields of a board; null gives one its default.",
    (json_answer(BoardRow, "the board as it is now"),),
    Example(
        "/v3/boards/june", '{"name":"june",...,"title":"June cup",...}', '{"title":"June cup"}'
    ),
    body={JSON_TYPE: Fields},
    headers=MATCH,
    refused=(409, 412, 422),
)
DROP = _about(
    "Take a board away, with its members and its final.",
    (Answer(204, "it is gone"),),
    Example("/v3/boards/june", ""),
    headers=MATCH,
    refused=(409, 412),
)
MEMBERS = _about(
    "Who is on a board, the lower uid first.",
    (Answer(200, "a page of members", {JSON_TYPE: MembersPage, CSV_TYPE: Rows}),),
    Example(
        "/v3/boards/june/members", '{"data":[{"uid":"1"},{"uid":"9"},...],"next":null,"total":3}'
    ),
    query=(MembersQuery, FormatQuery),
)
CHANGE_MEMBERS = _about(
    "Put members on a board and take others off.",
    (json_answer(Membership, "what the change came to"),),
    Example("/v3/boards/june/members", '{"added":1,"removed":0,"members":3}', '{"add":["11"]}'),
    body={JSON_TYPE: MembersChange, CSV_TYPE: Lines},
    refused=(409, 422),
)
REMOVE_MEMBERS = _about(
    "Take members off a board: those that the URL names, or everybody.",
    (json_answer(Membership, "what the change came to"),),
    Example("/v3/boards/june/members?uid=11", '{"added":0,"removed":1,"members":2}'),
    query=(MembersRemoval,),
    refused=(409, 422),
)
STANDING = _about(
    "The standing of a board, now or at an instant.",
    (
        Answer(
            200,
            "a page of the standing",
            {JSON_TYPE: LeaderboardAnswer, CSV_TYPE: Rows, MSGPACK_TYPE: LeaderboardAnswer},
        ),
        Answer(304, "of a closed range: you have this answer already"),
    ),
    Example(
        "/v3/boards/june/standing",
        '{"data":[{"rank":1,"uid":"1","value":10,...},{"rank":2,"uid":"9","value":7,...},...],'
        '"next":null,"total":3,...}',
    ),
    query=(StandingQuery, FormatQuery),
    headers={"If-None-Match": "the ETag of an earlier answer"},
    refused=(410, 422),
)
BRACKET = _about(
    "The head-to-head rounds of a board, now or at an instant.",
    (json_answer(BracketAnswer, "the rounds"),),
    Example("/v3/boards/cup/bracket", '{"board":"cup",...}'),
    query=(BracketQuery,),
    refused=(409, 410, 422),
)
FINAL = _about(
    "The final standing as it was declared, and what differs from it now.",
    (json_answer(FinalAnswer, "a page of the final standing"),),
    Example("/v3/boards/june/final", '{"board":"june",...}'),
    query=(FinalQuery,),
    refused=(410, 422),
)
DECLARE = _about(
    "Keep the standing as the final one.",
    (json_answer(FinalAnswer, "the final as it is kept from now on", 201),),
    Example("/v3/boards/june/final", '{"board":"june",...}', "{}"),
    body={JSON_TYPE: FinalBody},
    body_needed=False,
    refused=(409, 410, 422),
)
