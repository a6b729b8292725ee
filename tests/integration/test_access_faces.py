"""Every identity on every route of faces, and what a page of another site gets of an open one.

The applications' own lists of routes are held against the table, as in test_access_matrix.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from psd.runtime import Runtime
from server import app as served
from server.faces import faces, port_setting, ports_of
from tests.integration.test_access_open import FROM_ELSEWHERE
from tests.support.access.cases import Case, expected
from tests.support.access.face_access import FACE_MATRIX, PAID_BY_1
from tests.support.access.identities import IDENTITIES, ISSUED_BY, SECRETS, TOKENS
from tests.support.access.matrix import MATRIX
from tests.support.clients.access import AUDIENCE, ISSUER, asked_of, bearer
from tests.support.clients.http import FORM, Answer, HttpClient, client_of, serving
from tests.support.servers.ports import free_ports

CHARGING = {"charging.enabled": True, "charging.stripe_url": "http://127.0.0.1:9"}

pytestmark = pytest.mark.psd(archives=False)

FOLLOWED = {
    "Sec-Fetch-Site": "cross-site",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}
"""A link of another site, followed by a person."""


@pytest.fixture
def tokens() -> dict[str, Any]:
    """What is set of who may ask."""
    return {}


@pytest.fixture
def more_settings(tokens: dict[str, Any]) -> dict[str, Any]:
    """Every face is on."""
    settings = [port_setting(domain) for domain in faces().values()]
    ports = dict(zip(settings, free_ports(len(settings)), strict=True))
    return {**ports, **CHARGING, **tokens}


@pytest.fixture
async def clients(runtime: Runtime) -> AsyncIterator[Mapping[str, HttpClient]]:
    """Of the main port, under no name, and of each face."""
    async with AsyncExitStack() as stack:
        found = {"": await stack.enter_async_context(serving(runtime))}
        for face, port in ports_of(runtime.settings).items():
            url = f"http://127.0.0.1:{port}"
            found[face] = await stack.enter_async_context(client_of(url))
        yield found


async def ask(
    clients: Mapping[str, HttpClient], name: str, headers: Mapping[str, str], path: str = ""
) -> Answer:
    face, _, route = name.rpartition(": ")
    case = FACE_MATRIX[name]
    method = route.partition(" ")[0]
    return await clients[face].request(method, path or case.path, case.body, FORM, headers)


async def test_every_route_is_in_the_table(runtime: Runtime) -> None:
    app = served.build_app(runtime)
    apps = {"": app, **{f"{face}: ": each for face, each in app[served.FACES].items()}}
    routes = {
        f"{face}{route.method} {route.resource.canonical}"
        for face, each in apps.items()
        for route in each.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert routes == {*FACE_MATRIX, *MATRIX}


class TestOfWhomSomebodyVouches:
    """Where tokens are needed."""

    @pytest.fixture
    def tokens(self, tmp_path: Path) -> dict[str, Any]:
        """Those of the table."""
        keys = tmp_path / "jwks.json"
        keys.write_bytes(ISSUED_BY.jwks())
        return {
            **asked_of(*TOKENS.values()),
            "access.jwks": str(keys),
            "access.jwt_issuer": ISSUER,
            "access.jwt_audience": AUDIENCE,
        }

    async def test_each_identity_gets_what_the_table_says(
        self, clients: Mapping[str, HttpClient]
    ) -> None:
        for name, case in FACE_MATRIX.items():
            for identity in IDENTITIES:
                headers = {} if identity == "none" else bearer(SECRETS[identity])
                answer = await ask(clients, name, headers)
                assert answer.status == wanted(name, case, identity), (name, identity, answer.text)


def wanted(name: str, case: Case, identity: str) -> int:
    if identity == "jwt_without_scope" and name.removeprefix("charging: ") in PAID_BY_1:
        # It may do nothing, so it is nobody's.
        return case.nobody
    return expected(case, identity)


@pytest.mark.parametrize("kind", FROM_ELSEWHERE)
async def test_a_page_of_another_site_gets_nothing_of_an_open_face(
    clients: Mapping[str, HttpClient], kind: str
) -> None:
    for name in FACE_MATRIX:
        answer = await ask(clients, name, FROM_ELSEWHERE[kind])
        assert answer.status == 403, name
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_link_of_another_site_leads_nobody_to_a_payment_without_a_signature(
    clients: Mapping[str, HttpClient],
) -> None:
    """What a person is led to was begun at Stripe for it: only a signed link is anybody's."""
    for route in PAID_BY_1:
        name = f"charging: {route}"
        assert (await ask(clients, name, FOLLOWED)).status == 403
        signed = f"{FACE_MATRIX[name].path}?expires=1&signature=x"
        assert "signature" in (await ask(clients, name, FOLLOWED, signed)).text
        assert (await ask(clients, name, {})).status == 500
