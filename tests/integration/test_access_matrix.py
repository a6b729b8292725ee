"""Who gets what: every identity on every route, written down route by route.

The application's own list of routes is held against the table, so that a new route cannot be
served before somebody has decided who may ask it.
"""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from psd.runtime import Runtime
from server.app import build_app
from tests.support.access.cases import Case, expected
from tests.support.access.core_access import METRIC, REPORT, TIMES
from tests.support.access.identities import IDENTITIES, ISSUED_BY, SECRETS, TOKENS
from tests.support.access.matrix import MATRIX
from tests.support.access.rewards_access import ACTIVITY
from tests.support.clients.access import AUDIENCE, ISSUER, asked_of, bearer
from tests.support.clients.http import FORM, Answer, HttpClient

pytestmark = pytest.mark.psd(archives=False)


@pytest.fixture
def more_settings(tmp_path: Path) -> dict[str, Any]:
    """Tokens of both kinds, and the keys of who signs JWTs."""
    keys, tokens = tmp_path / "jwks.json", tmp_path / "tokens"
    keys.write_bytes(ISSUED_BY.jwks())
    tokens.write_text("\n".join(token.line for token in list(TOKENS.values())[4:]))
    return {
        **asked_of(*list(TOKENS.values())[:4]),
        "access.tokens_file": str(tokens),
        "access.jwks": str(keys),
        "access.jwt_issuer": ISSUER,
        "access.jwt_audience": AUDIENCE,
        "log.level": "debug",
    }


async def ask(client: HttpClient, name: str, identity: str, case: Case | None = None) -> Answer:
    method = name.partition(" ")[0]
    case = case or MATRIX[name]
    headers = {} if identity == "none" else bearer(SECRETS[identity])
    return await client.request(method, case.path, case.body, FORM, headers)


def served_routes(runtime: Runtime) -> set[str]:
    return {
        f"{route.method} {route.resource.canonical}"
        for route in build_app(runtime).router.routes()
        if route.resource is not None and route.method != "HEAD"
    }


async def test_every_route_is_in_the_matrix(runtime: Runtime) -> None:
    assert served_routes(runtime) == set(MATRIX)


@pytest.mark.parametrize("name", MATRIX)
async def test_each_identity_gets_what_the_matrix_says(
    client: HttpClient, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert (await ask(client, "POST /v1/write", "writer")).status == 200
    case = MATRIX[name]
    told = ""
    for identity in IDENTITIES:
        answer = await ask(client, name, identity)
        told += f"{answer.headers}{answer.text}"
        assert answer.status == expected(case, identity), f"{identity}: {answer.text}"
        assert ("WWW-Authenticate" in answer.headers) == (answer.status in (401, 403)), identity
        if answer.status == 200 and case.full is not None:
            sees = not identity.endswith("of_2")
            assert answer.text == (case.full if sees else case.empty), identity
    await ask(client, "GET /metrics", "wrong")
    told += (await ask(client, "GET /metrics", "admin")).text + caplog.text
    told += "".join(str(vars(record)) for record in caplog.records)
    assert 'status="401"' in told
    for identity, secret in SECRETS.items():
        for part in (secret, *secret.split(".")[1:]):
            assert part not in told, f"the token of {identity} was written down"


async def test_each_identity_gets_by_head_what_it_gets_by_get(client: HttpClient) -> None:
    for name in (name for name in MATRIX if name.startswith("GET")):
        for identity in IDENTITIES:
            headers = {} if identity == "none" else bearer(SECRETS[identity])
            answer = await client.request("HEAD", MATRIX[name].path, headers=headers)
            assert answer.status == expected(MATRIX[name], identity), f"{name}: {identity}"


@pytest.mark.parametrize("name", [name for name in MATRIX if MATRIX[name].full is not None])
async def test_another_owner_answers_as_a_missing_one_does(client: HttpClient, name: str) -> None:
    await ask(client, "POST /v1/write", "writer")
    case = MATRIX[name]
    missing = Case(
        **{
            **msgspec.structs.asdict(case),
            "path": re.sub(r"(/query/|/users/|uid=|uid=%22)1(?=[/&]|%22)", r"\g<1>77", case.path),
            "body": re.sub(rb'(ids=|"uid":"?|uid=%22)1(?=$|[,&"]|%22)', rb"\g<1>77", case.body),
        }
    )
    foreign = await ask(client, name, "reader_of_2")
    for identity in ("reader", "reader_of_2"):
        absent = await ask(client, name, identity, missing)
        assert absent.status == foreign.status
        assert absent.text.replace('"77"', '"1"') == foreign.text
        assert absent.content_type == foreign.content_type
        assert set(absent.headers) == set(foreign.headers)


async def test_a_write_for_another_owner_is_refused_alike_whether_it_exists_or_not(
    client: HttpClient,
) -> None:
    await ask(client, "POST /v1/write", "writer")
    for path in ("/v1/write", "/v1/write_many"):
        answers = [
            await client.request(
                "POST",
                path,
                REPORT.replace(b'"uid":1', b'"uid":%d' % uid),
                headers=bearer(SECRETS["writer_of_2"]),
            )
            for uid in (1, 77)
        ]
        assert [answer.status for answer in answers] == [403, 403]
        assert answers[0].text == answers[1].text.replace("77", "1")
    assert await sum_of_all(client) == {"1": 10, "2": 0, "77": 0}


async def sum_of_all(client: HttpClient) -> dict[str, int]:
    answer = await client.request(
        "POST",
        f"/v1/query_ids/steps/all/{TIMES}",
        b"ids=1,2,77",
        FORM,
        bearer(SECRETS["reader"]),
    )
    return dict(answer.json())


async def test_one_foreign_report_among_many_books_none(client: HttpClient) -> None:
    own = REPORT.replace(b'"uid":1', b'"uid":2')
    for path, body in (
        ("/v1/write_many", own + b"\n" + REPORT),
        ("/v1/enqueue", METRIC.replace(b'"uid":1', b'"uid":2') + b"\n" + METRIC),
        ("/v1/enqueue", b'{"command":"metrics","metrics":[%s,%s]}' % (own, REPORT)),
        ("/v1/enqueue", b'{"command":"count","count":{"thing":"h_1","value":1,"ts":1458147411}}'),
    ):
        answer = await client.request("POST", path, body, headers=bearer(SECRETS["writer_of_2"]))
        assert answer.status == 403, answer.text
    assert await sum_of_all(client) == {"1": 0, "2": 0, "77": 0}


async def test_a_restricted_writer_books_no_points_for_the_vehicle_of_its_own_number(
    client: HttpClient,
) -> None:
    own = REPORT.replace(b'"uid":1', b'"uid":2')
    activity = ACTIVITY[1:-1].replace(b'"vehicle":1', b'"vehicle":2')
    for thing in (b"signals", b"promotions", b"corrections"):
        foreign = own.replace(b'"steps"', b'"%s"' % thing)
        for path, body in (
            ("/v1/write", foreign),
            ("/v1/write_many", own + b"\n" + foreign),
            ("/v1/enqueue", b'{"command":"metric","metric":%s}' % foreign),
            ("/v1/enqueue", b'{"command":"activity","activity":%s}' % activity),
            ("/v1/enqueue", b'{"command":"vehicle","vehicle":{"vehicle":2}}'),
        ):
            answer = await client.request(
                "POST", path, body, headers=bearer(SECRETS["writer_of_2"])
            )
            assert answer.status == 403, answer.text
    assert await sum_of_all(client) == {"1": 0, "2": 0, "77": 0}


async def test_a_query_of_own_and_foreign_owners_tells_the_own(client: HttpClient) -> None:
    await ask(client, "POST /v1/write", "writer")
    answer = await client.request(
        "POST",
        f"/v1/mu_query/steps/all/{TIMES}",
        b"ids=1,2",
        FORM,
        bearer(SECRETS["reader_of_1"]),
    )
    assert answer.text == '{"values":{"1":10,"2":0},"atids":{"1":[2],"2":[]}}'


@pytest.mark.parametrize(
    "value",
    [
        "Bearer",
        "Bearer ",
        f"Basic {SECRETS['admin']}",
        SECRETS["admin"],
        f"Bearer {SECRETS['admin']} {SECRETS['admin']}",
        f"Bearer {SECRETS['admin'][:-1]}",
        f"Bearer {SECRETS['admin'].upper()}",
        "Bearer psd_\u00fc",
        "Bearer a.b.c",
        "Bearer ..",
        "Bearer " + "." * 2 + "x" * 7000,
    ],
    # By number: each process of a parallel run has tokens of its own.
    ids=map(str, range(11)),
)
async def test_a_header_that_is_no_token_is_refused(client: HttpClient, value: str) -> None:
    headers = {"Authorization": value}
    answer = await client.request("GET", MATRIX["GET /metrics"].path, headers=headers)
    assert answer.status == 401
    assert 'error="' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("value", [b"\xff.a.b", b"psd_\xff", b"\xed\xa0\x80.\x80.\x80"])
async def test_bytes_that_are_no_text_are_refused(client: HttpClient, value: bytes) -> None:
    where = urlsplit(client.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(
        b"GET /metrics HTTP/1.1\r\nHost: p\r\nAuthorization: Bearer " + value + b"\r\n\r\n"
    )
    assert b" 401 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_two_authorization_headers_are_refused(client: HttpClient) -> None:
    async with client.session.get(
        f"{client.url}/metrics",
        headers=[("Authorization", f"Bearer {SECRETS['admin']}")] * 2,
    ) as response:
        assert response.status in (400, 401)


async def test_the_scheme_is_read_whatever_its_case(client: HttpClient) -> None:
    headers = {"authorization": f"bEARER {SECRETS['admin']}"}
    assert (await client.request("GET", "/metrics", headers=headers)).status == 200


async def test_readiness_tells_its_checks_to_readers_of_everything_alone(
    client: HttpClient,
) -> None:
    told = {
        identity: "checks" in (await ask(client, "GET /readyz", identity)).json()
        for identity in IDENTITIES
    }
    assert {identity for identity, detail in told.items() if detail} == {"reader", "admin"}


async def test_who_is_not_known_learns_nothing_of_the_body_rules(client: HttpClient) -> None:
    for body in (b"", b"{", b"[" * 5000, b"\xff" * 100, b"ids=" + b"1," * 5000):
        for name, case in MATRIX.items():
            if case.nobody == 401 and name.startswith("POST"):
                answer = await client.request("POST", case.path, body, FORM)
                assert answer.status == 401


async def test_unknown_paths_are_unknown_to_everybody(client: HttpClient) -> None:
    for identity in ("none", "wrong", "admin"):
        headers = {} if identity == "none" else bearer(SECRETS[identity])
        assert (await client.request("GET", "/v1/secret", headers=headers)).status == 404
        assert (await client.request("DELETE", "/metrics", headers=headers)).status == 404
