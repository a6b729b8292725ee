"""A server without tokens answers everybody on loopback, but no page of another site in a browser.

Where tokens are needed, they decide alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from psd.config import QueueSettings, RedisSettings, Settings
from psd.runtime import open_runtime
from tests.support.access.core_access import REPORT, TIMES
from tests.support.access.identities import SECRETS, TOKENS
from tests.support.access.matrix import MATRIX
from tests.support.clients.access import asked_of, bearer
from tests.support.clients.http import FORM, HttpClient, serving
from tests.support.swaps.page_routes import OPEN_PAGES

pytestmark = pytest.mark.psd(archives=False)


@pytest.fixture
async def open_client(redis_url: str) -> AsyncIterator[HttpClient]:
    """Of a server without tokens, on loopback."""
    settings = Settings(
        redis=RedisSettings(url=redis_url, durability="fast"),
        queue=QueueSettings(kind="stream"),
    )
    runtime = await open_runtime(settings)
    async with serving(runtime) as client:
        yield client
    await runtime.close()


OPEN_FORMS = ("POST /users/", "POST /ops/")


async def test_without_tokens_everybody_on_loopback_may_do_everything(
    open_client: HttpClient,
) -> None:
    for name, case in MATRIX.items():
        method = name.partition(" ")[0]
        answer = await open_client.request(method, case.path, case.body, FORM)
        # Nothing is booked: a board and an activity that are asked for by name are not there.
        # A page may lead to another one, and never to the form of signing in.
        expected = (200, 302, 404) if name in OPEN_PAGES else (case.admin,)
        if name.startswith(OPEN_FORMS):
            # Anybody may send it, with the token of the form that he was shown.
            expected = (400,)
        assert answer.status in expected, name
        if name in OPEN_PAGES:
            assert "/auth/login" not in answer.headers.get("Location", ""), name
    assert "checks" in (await open_client.get("/readyz")).json()


FROM_ELSEWHERE = {
    "a name that was made to resolve to loopback": {"Host": "evil.example:1155"},
    "such a name, and the page's own origin": {
        "Host": "evil.example:1155",
        "Origin": "http://evil.example:1155",
        "Sec-Fetch-Site": "same-origin",
    },
    "another origin": {"Origin": "http://evil.example"},
    "a page on another port": {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"},
    "a file or a frame without origin": {"Origin": "null"},
    "an image of another site": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    "a frame of another site": {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "iframe",
    },
}


@pytest.mark.parametrize("kind", FROM_ELSEWHERE)
async def test_a_page_of_another_site_gets_nothing_of_an_open_server(
    open_client: HttpClient, kind: str
) -> None:
    for name, case in MATRIX.items():
        method = name.partition(" ")[0]
        asked = open_client.request(method, case.path, case.body, FORM, FROM_ELSEWHERE[kind])
        answer = await asked
        assert answer.status == 403, name
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "WWW-Authenticate" not in answer.headers
    for method, path in (("OPTIONS", "/v3/events"), ("OPTIONS", "/v1/write"), ("GET", "/nothing")):
        answer = await open_client.request(method, path, headers=FROM_ELSEWHERE[kind])
        assert (answer.status, answer.json()["code"]) == (403, "foreign_page")
    assert (await open_client.get(f"/v1/query/1/steps/all/{TIMES}")).text == "0", "nothing booked"


async def test_own_pages_and_links_to_open_pages_are_answered(open_client: HttpClient) -> None:
    own = {"Origin": open_client.url, "Sec-Fetch-Site": "same-origin"}
    answer = await open_client.request("POST", "/v1/write", REPORT, headers=own)
    assert answer.text == "ok"
    followed = {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    assert (await open_client.request("GET", "/docs", headers=followed)).status == 200
    assert (await open_client.request("GET", "/metrics", headers=followed)).status == 403


@pytest.fixture
def more_settings() -> dict[str, Any]:
    return asked_of(TOKENS["admin"])


@pytest.mark.parametrize("kind", FROM_ELSEWHERE)
async def test_where_tokens_are_needed_they_decide_alone(client: HttpClient, kind: str) -> None:
    headers = FROM_ELSEWHERE[kind]
    assert (await client.request("GET", "/metrics", headers=headers)).status == 401
    known = bearer(SECRETS["admin"]) | headers
    assert (await client.request("GET", "/metrics", headers=known)).status == 200
