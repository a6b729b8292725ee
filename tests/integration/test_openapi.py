"""The reference: the document of every route, and its examples, which are tried."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from psd.config import LogSettings
from psd.observe.logs import configure_logging
from psd.queries.activity_answers import ActivitiesQuery
from psd.queries.requests import LeaderboardQuery, SeriesQuery, SumQuery
from psd.version import VERSION
from server.app import build_app
from tests.support.charging.yard import yard
from tests.support.clients.http import FORM, Answer, HttpClient
from tests.support.clients.reference import document_of, header, operations
from tests.support.rewards.reward_weeks import Served, weeks_served
from tests.support.scripts.payment_scene import payments
from tests.support.swaps.one_correction import register, swap
from tests.support.swaps.page_routes import PAGE_ROUTES

ENABLED = {"charging.enabled": True}
PAGES_OF_CHARGING = "/charging/"
"""They are there where charging is enabled (tests/integration/charging_pages)."""

PAGES_WITHOUT_EXAMPLE = {"/docs"}


@pytest.fixture
async def served(redis_url: str) -> AsyncIterator[Served]:
    """Week 6 of the rewards is open, weeks 0 to 4 are computed; vehicle 4 is at risk."""
    async with weeks_served(redis_url, now_week=6, flags=ENABLED) as served:
        await served.describe(7, owner="42", integrations=["Smartcar", "AutoPi"], vin="V" * 17)
        await served.describe(4, owner="0xab..", integrations=["Tesla"])
        await served.drive_in(7, "Smartcar", 0, 1, 2, 3, 4)
        await served.drive_in(7, "AutoPi", 4)
        await served.drive_in(4, "Tesla", 5)
        await served.compute(4)
        yield served


async def test_the_document_keeps_the_rules_of_openapi_3_1(served: Served) -> None:
    document = await document_of(served.client)
    errors = [
        f"{error.instance_path}: {error}" for error in OPENAPI_31_VALIDATOR.iter_errors(document)
    ]
    assert errors == []
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["version"] == VERSION


async def test_a_route_of_v3_refuses_a_parameter_that_its_document_lacks(served: Served) -> None:
    of_v3 = [
        (method, path, operation)
        for method, path, operation in operations(await document_of(served.client))
        if path.startswith("/v3/")
    ]
    assert len(of_v3) > 20
    for method, path, operation in of_v3:
        parameters = [
            each["name"] for each in operation.get("parameters", ()) if each.get("in") == "query"
        ]
        told = f"known are {', '.join(parameters)}" if parameters else "nothing is asked here"
        somewhere = re.sub(r"{\w+}", "1", path)
        answer = await served.client.request(method, f"{somewhere}?colour=red")
        assert answer.status == 400, (method, path)
        assert answer.json()["detail"] == f"colour: unknown; {told}", (method, path)
        assert "400" in operation["responses"], (method, path)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("/v3/streaks?weak=1", "week"),
        ("/v3/boards/june/members?limits=2", "limit"),
        ("/v3/sum?things=steps&uid=1", "thing"),
        ("/v3/series?thing=steps&uid=1&every=day&fils=zero", "fill"),
        ("/v3/users/1/audit?cursors=1", "cursor"),
    ],
)
async def test_a_parameter_that_is_nearly_one_is_told_which(
    served: Served, asked: str, meant: str
) -> None:
    answer = await served.client.get(asked)
    assert answer.status == 400
    assert answer.json()["detail"].endswith(f"; did you mean {meant}?")


async def test_every_route_is_in_the_document_with_its_parameters_and_an_answer(
    served: Served,
) -> None:
    document = await document_of(served.client)
    documented = {f"{method} {path}": each for method, path, each in operations(document)}
    routes = [
        (route.method, route.resource.canonical)
        for route in build_app(served.psd).router.routes()
        if route.resource is not None
        and route.method != "HEAD"
        and not route.resource.canonical.startswith(PAGES_OF_CHARGING)
    ]
    # Pages are for people.
    named = {f"{method} {path}" for method, path in routes}
    assert named - set(PAGE_ROUTES) == set(documented)
    for method, path in routes:
        name = f"{method} {path}"
        if name in PAGE_ROUTES:
            continue
        operation = documented[name]
        in_path = {each["name"] for each in operation["parameters"] if each.get("in") == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", path)), name
        assert operation["summary"], name
        assert any(
            answer.get("content") or status == "204"
            for status, answer in operation["responses"].items()
            if status.startswith("2")
        ), f"{name} tells no answer: say About(answers=...) beside its Route"


async def test_every_operation_has_a_name_of_its_own_and_every_reference_an_end(
    served: Served,
) -> None:
    document = await document_of(served.client)
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    for reference in set(
        re.findall(r'"\$ref":"#/([^"]+)"', msgspec.json.encode(document).decode())
    ):
        found: Any = document
        for part in reference.split("/"):
            found = found[part]
    text = msgspec.json.encode(document).decode()
    assert "``" not in text, "a docstring's code is not Markdown's"


async def test_parameters_are_the_fields_of_what_validates(served: Served) -> None:
    document = await document_of(served.client)
    for path, kind in (
        ("/v3/sum", SumQuery),
        ("/v3/series", SeriesQuery),
        ("/v3/leaderboard", LeaderboardQuery),
        ("/v3/users/{uid}/activities", ActivitiesQuery),
    ):
        told = document["paths"][path]["get"]["parameters"]
        names = {each["name"] for each in told if each.get("in") == "query"}
        assert names == {*kind.__struct_fields__, "format"}, path
    body = document["paths"]["/v3/sum"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/SumQuery"}


async def test_open_routes_ask_for_no_token_and_the_others_name_their_scope(
    served: Served,
) -> None:
    document = await document_of(served.client)
    scopes = {f"{m} {path}": each["security"] for m, path, each in operations(document)}
    assert scopes["GET /docs"] == scopes["GET /openapi.json"] == scopes["GET /healthz"] == []
    assert scopes["GET /v3/sum"] == [{"bearer": ["read"]}]
    assert scopes["POST /v1/write"] == [{"bearer": ["write"]}]


def turn(method: str, path: str, operation: dict[str, Any]) -> int:
    """Writing comes before reading, and taking away after it."""
    if path.endswith("/audit"):
        return 5
    if method == "DELETE":
        return 6 if path == "/v3/boards/{name}" else 4
    if operation["security"] != [{"bearer": ["write"]}]:
        return 3
    return {"PUT": 1, "PATCH": 2}.get(method, 2 if "boards" in path else 0)


async def test_each_example_answers_as_shown(served: Served) -> None:
    document = await document_of(served.client)
    days = {"start": "2017-06-01T00:00:00Z", "end": "2017-07-01T00:00:00Z"}
    cup = {
        "thing": "steps",
        "window": {"kind": "fixed", **days},
        "members": ["1", "9"],
        "rounds": {"windows": [days]},
    }
    made = await served.client.request("PUT", "/v3/boards/cup", msgspec.json.encode(cup))
    assert made.status == 201, made.text
    await register(served.client)
    await swap(served.client)
    await payments(served.psd)
    await yard(served.psd)
    wrong = []
    for method, path, operation in sorted(operations(document), key=lambda each: turn(*each)):
        examples = operation.get("x-examples", [])
        assert examples or path in PAGES_WITHOUT_EXAMPLE, f"{method} {path} has no example"
        for example in examples:
            answer = await ask(served.client, method, example)
            assert str(answer.status) in operation["responses"], f"{method} {path}: {answer.text}"
            shown = re.escape(example["answer"]).replace(re.escape("..."), ".*")
            if not re.fullmatch(shown, answer.text.rstrip(), re.DOTALL):
                wrong.append(f"{example['curl']}\n{answer.text[:2000]}\n{example['answer']}")
    assert not wrong, "\n\n".join(wrong)


async def ask(client: HttpClient, method: str, example: dict[str, str]) -> Answer:
    content_type = example["contentType"] or (FORM if example["body"] else "")
    return await client.request(method, example["path"], example["body"].encode(), content_type)


async def test_every_answer_names_its_request_and_so_does_its_log(served: Served) -> None:
    stream = io.StringIO()
    configure_logging(LogSettings(level="debug", format="json"), stream)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    told = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01", "X-Request-Id": "order-91"}
    for path, status in (("/healthz", 200), ("/v3/sum?thing=floors&uid=1", 400), ("/no", 404)):
        answer = await served.client.request("GET", path, headers=told)
        assert answer.status == status
        assert header(answer, "X-Request-Id") == "order-91"
        assert re.fullmatch(f"00-{trace}-[0-9a-f]{{16}}-01", header(answer, "traceparent"))
    plain = await served.client.get("/healthz")
    assert header(plain, "X-Request-Id") in header(plain, "traceparent")
    lines = [msgspec.json.decode(line) for line in stream.getvalue().splitlines()]
    requests = [line for line in lines if line["message"] == "request"]
    assert [line["request_id"] for line in requests[:3]] == ["order-91"] * 3
    assert {line["trace_id"] for line in requests[:3]} == {trace}
    assert requests[3]["request_id"] == header(plain, "X-Request-Id")


def told_by(document: dict[str, Any], part: Any, seen: set[str]) -> Iterator[dict[str, Any]]:
    """The properties of everything that a part of the document refers to, and its own."""
    if isinstance(part, list):
        for each in part:
            yield from told_by(document, each, seen)
    elif isinstance(part, dict):
        yield part.get("properties", {})
        reference = str(part.get("$ref", ""))
        if reference and reference not in seen:
            seen.add(reference)
            _, kind, name = reference.removeprefix("#/").split("/")
            yield from told_by(document, document["components"][kind][name], seen)
        for each in part.values():
            yield from told_by(document, each, seen)


async def test_no_answer_of_v3_tells_an_id_as_a_number(served: Served) -> None:
    """An id may have 64 bits, and JavaScript keeps 53 of a number."""
    document = await document_of(served.client)
    answers = [
        response
        for _, path, operation in operations(document)
        for status, response in operation["responses"].items()
        if path.startswith("/v3/") and status.startswith("2")
    ]
    properties = list(told_by(document, answers, set()))
    for name in ("uid", "aid", "atid", "vehicle"):
        kinds = [each[name] for each in properties if name in each]
        assert kinds, f"no answer tells a {name}"
        assert "integer" not in msgspec.json.encode(kinds).decode(), kinds
