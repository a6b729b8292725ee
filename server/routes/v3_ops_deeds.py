"""What operators do under /v3/ops: letters, tokens, imports and audits, each a decree of admins.

::

    POST /v3/ops/tokens/9f86d081884c7d65/revoke    {}   -> 200, and the token is refused
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from psd.domain.decree import Decree
from psd.domain.deed import Done
from psd.domain.question import Asked
from server.operating import Operating
from server.operating_answers import (
    AuditBody,
    AuditTold,
    LettersBody,
    LettersDone,
    MadeToken,
    NothingBody,
    TokenBody,
    TokenRow,
    UndoBody,
    UndoneImport,
)

ROOT = "/v3/ops"

_LETTERS_DONE = (
    '{"done":[...],"failed":[],"unknown":[...],"came_back":[],"came_since":0,"has_more":false,...}'
)


def ops_decrees(operating: Operating) -> tuple[Decree, ...]:
    """All of them."""
    return (*_deeds_of_letters(operating), *_deeds_of_tokens(operating), *_deeds(operating))


def _decree(
    path: str,
    body: type[msgspec.Struct],
    answer: Any,
    decide: Callable[[Asked], Awaitable[Done]],
    summary: str,
    meaning: str,
    example: tuple[str, str, str],
    *,
    details: str = "",
    refused: tuple[int, ...] = (409,),
) -> Decree:
    asked, sent, answered = example
    return Decree(
        path=f"{ROOT}{path}",
        body=body,
        answer=answer,
        decide=decide,
        summary=summary,
        meaning=meaning,
        sent=sent,
        example=(f"{ROOT}{asked}", answered),
        details=details,
        refused=refused,
        scope="admin",
        is_patient=True,
    )


def _deeds_of_letters(operating: Operating) -> tuple[Decree, ...]:
    async def replay(asked: Asked) -> Done:
        return Done(await operating.act_on_letters("replay", asked.query, asked.identity), False)

    async def drop(asked: Asked) -> Done:
        return Done(await operating.act_on_letters("drop", asked.query, asked.identity), False)

    sent = '{"ids":["0f2a6c3b1d4e5f60"]}'
    return (
        _decree(
            "/dead-letters/replay",
            LettersBody,
            LettersDone,
            replay,
            "Publish the messages of dead letters again.",
            "what became of them",
            ("/dead-letters/replay", sent, _LETTERS_DONE),
            details="`ids` or `all`. One that comes back within a second is told with its reason.",
            refused=(503,),
        ),
        _decree(
            "/dead-letters/drop",
            LettersBody,
            LettersDone,
            drop,
            "Delete dead letters for good.",
            "what became of them",
            ("/dead-letters/drop", sent, _LETTERS_DONE),
            refused=(503,),
        ),
    )


def _deeds_of_tokens(operating: Operating) -> tuple[Decree, ...]:
    async def make(asked: Asked) -> Done:
        return Done(await operating.make_token(asked.query, asked.identity), True)

    async def revoke(asked: Asked) -> Done:
        return Done(await operating.revoke_token(asked.path["mark"], asked.identity), False)

    return (
        _decree(
            "/tokens",
            TokenBody,
            MadeToken,
            make,
            "Make a token, in the file of `access.tokens_file`.",
            "the token, which is told this once",
            (
                "/tokens",
                '{"name":"phone","scopes":["read"],"owners":["7"]}',
                "{...}",
            ),
        ),
        _decree(
            "/tokens/{mark}/revoke",
            NothingBody,
            TokenRow,
            revoke,
            "Revoke a token of that file.",
            "the token that is no more",
            ("/tokens/9f86d081884c7d65/revoke", "{}", "{...}"),
            refused=(404, 409),
        ),
    )


def _deeds(operating: Operating) -> tuple[Decree, ...]:
    async def undo(asked: Asked) -> Done:
        import_id, target = asked.path["import"], asked.query.target
        return Done(await operating.undo_import(import_id, target, asked.identity), False)

    async def audit(asked: Asked) -> Done:
        return Done(await operating.begin_audit(asked.query, asked.identity), True)

    return (
        _decree(
            "/imports/{import}/undo",
            UndoBody,
            UndoneImport,
            undo,
            "Take an import back.",
            "what became of what it booked",
            (
                "/imports/20160412-083015-x7k2/undo",
                '{"target":"http://127.0.0.1:1155"}',
                "{...}",
            ),
            details="What somebody replaced since is left, and told.",
            refused=(404, 409, 503),
        ),
        _decree(
            "/audits",
            AuditBody,
            AuditTold,
            audit,
            "Begin an audit, and with `repair` write what should be there.",
            "the audit, which runs",
            ("/audits", '{"rate":100}', '{"audit":{"id":"...",...,"state":"running",...},...}'),
            refused=(409,),
        ),
    )
