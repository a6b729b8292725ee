"""Operations under /v3/ops, for admins: what `/ops/` shows, and what is done there.

::

    GET  /v3/ops/dead-letters               -> {"data":[{"id":"0f2a...","code":"malformed",...}]}
    POST /v3/ops/dead-letters/replay        {"ids":["0f2a..."]} -> {"done":["0f2a..."],...}
    POST /v3/ops/tokens                     {"name":"phone","scopes":["read"]} -> 201, told once

What is done here is noted: GET /v3/ops/log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from psd.domain.question import Asked, Endpoint, NoParameters
from server.bodies import BodyReader
from server.domain.decrees import decree_route
from server.domain.questions import endpoint_routes
from server.operating import Operating
from server.operating_answers import (
    AuditsPage,
    AuditTold,
    DeedsPage,
    ImportsPage,
    LettersPage,
    NewestQuery,
    SettingsPage,
    SlowPage,
    TokensPage,
    UndoneImport,
    WholeLetter,
)
from server.routes.v3_ops_deeds import ROOT, ops_decrees
from server.routing import Route

GROUP = "Operations"


def ops_routes(operating: Operating, bodies: BodyReader, depth_max: int) -> list[Route]:
    """All of them."""
    routes: list[Route] = []
    for questions in (_of_letters, _of_imports, _of_audits, _of_what_happened, _of_what_is_set):
        for endpoint in questions(operating):
            routes += endpoint_routes(endpoint, GROUP, bodies)
    routes += [decree_route(each, GROUP, bodies, depth_max) for each in ops_decrees(operating)]
    return routes


def _question(
    path: str,
    answer: Any,
    ask: Callable[[Asked], Awaitable[Any]],
    meaning: str,
    example: tuple[str, str],
    *,
    query: type[msgspec.Struct] = NoParameters,
    refused: tuple[int, ...] = (),
    is_patient: bool = False,
) -> Endpoint:
    return Endpoint(
        path=f"{ROOT}{path}",
        query=query,
        answer=answer,
        ask=ask,
        meaning=meaning,
        example=(f"{ROOT}{example[0]}", example[1]),
        refused=refused,
        scope="admin",
        whole=True,
        is_patient=is_patient,
    )


def _of_letters(operating: Operating) -> tuple[Endpoint, ...]:
    async def letters(asked: Asked) -> LettersPage:
        """The dead letters, oldest first: they stay."""
        return await operating.letters(asked.query)

    async def letter(asked: Asked) -> WholeLetter:
        """A dead letter with the original message: it stays."""
        return await operating.letter(asked.path["letter"])

    return (
        _question(
            "/dead-letters",
            LettersPage,
            letters,
            "dead letters",
            ("/dead-letters?limit=10", '{"data":[...],"away":""}'),
            query=NewestQuery,
            refused=(406, 503),
            is_patient=True,
        ),
        _question(
            "/dead-letters/{letter}",
            WholeLetter,
            letter,
            "a dead letter",
            ("/dead-letters/0f2a6c3b1d4e5f60", "{...}"),
            refused=(404, 503),
            is_patient=True,
        ),
    )


def _of_imports(operating: Operating) -> tuple[Endpoint, ...]:
    async def imports(_asked: Asked) -> ImportsPage:
        """Imports that were, by the journals on the server's machine."""
        return await operating.imports()

    async def rehearsed(asked: Asked) -> UndoneImport:
        """What taking an import back would do: nothing is done."""
        return await operating.rehearse_undo(asked.path["import"])

    return (
        _question(
            "/imports",
            ImportsPage,
            imports,
            "imports",
            ("/imports", '{"data":[...]}'),
        ),
        _question(
            "/imports/{import}",
            UndoneImport,
            rehearsed,
            "what taking it back would do",
            ("/imports/20160412-083015-x7k2", "{...}"),
            refused=(404, 503),
            is_patient=True,
        ),
    )


def _of_audits(operating: Operating) -> tuple[Endpoint, ...]:
    async def audits(_asked: Asked) -> AuditsPage:
        """The last audits that a server ran."""
        return await operating.audits()

    async def audit(asked: Asked) -> AuditTold:
        """An audit with the first of the differences that it found."""
        return await operating.audit(asked.path["audit"])

    return (
        _question("/audits", AuditsPage, audits, "audits", ("/audits", '{"data":[...]}')),
        _question(
            "/audits/{audit}",
            AuditTold,
            audit,
            "an audit",
            ("/audits/20160412-083015-7f3a", "{...}"),
            refused=(404,),
        ),
    )


def _of_what_happened(operating: Operating) -> tuple[Endpoint, ...]:
    async def slow(_asked: Asked) -> SlowPage:
        """Scripts that the store noted as slow, the slowest first."""
        return await operating.slow_scripts()

    async def deeds(asked: Asked) -> DeedsPage:
        """What operators did over HTTP, the newest first."""
        return await operating.deeds(asked.query)

    return (
        _question(
            "/slow-scripts",
            SlowPage,
            slow,
            "slow calls",
            ("/slow-scripts", '{"data":[...],"refused":""}'),
        ),
        _question(
            "/log",
            DeedsPage,
            deeds,
            "what was done",
            ("/log?limit=2", '{"data":[...]}'),
            query=NewestQuery,
            refused=(406,),
        ),
    )


def _of_what_is_set(operating: Operating) -> tuple[Endpoint, ...]:
    async def tokens(_asked: Asked) -> TokensPage:
        """The tokens that are known, by their marks; no token is told."""
        return await operating.tokens()

    async def settings(_asked: Asked) -> SettingsPage:
        """Every setting, and where it came from; secrets are stars."""
        return await operating.settings()

    return (
        _question(
            "/tokens",
            TokensPage,
            tokens,
            "tokens",
            ("/tokens", '{"data":[...]}'),
        ),
        _question(
            "/settings",
            SettingsPage,
            settings,
            "settings",
            ("/settings", '{"data":[{"key":"redis.url","value":"...",...},...]}'),
        ),
    )
