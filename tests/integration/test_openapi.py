"""The reference: the document of every route, its page, and its examples, which are tried."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import AsyncIterator, Iterator
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from multidict import CIMultiDict
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from psd.config import LogSettings
from psd.observe.logs import configure_logging
from psd.queries.activity_answers import ActivitiesQuery
from psd.queries.requests import LeaderboardQuery, SeriesQuery, SumQuery
from psd.version import VERSION
from server.app import build_app
from server.openapi.parameters import query_parameters
from server.openapi.schemas import Schemas, markdown
from server.openapi.wording import kind_of_schema
from tests.support.clients.http import FORM, Answer, HttpClient
from tests.support.rewards.reward_weeks import Served, weeks_served

PAGES_WITHOUT_EXAMPLE = {"/docs"}


@pytest.fixture
async def served(redis_url: str) -> AsyncIterator[Served]:
    """Week 6 of the rewards is open, weeks 0 to 4 are computed; vehicle 4 is at risk."""
    async with weeks_served(redis_url, now_week=6) as served:
        await served.describe(7, owner="42", integrations=["Smartcar", "AutoPi"], vin="V" * 17)
        await served.describe(4, owner="0xab..", integrations=["Tesla"])
        await served.drive_in(7, "Smartcar", 0, 1, 2, 3, 4)
        await served.drive_in(7, "AutoPi", 4)
        await served.drive_in(4, "Tesla", 5)
        await served.compute(4)
        yield served


async def document_of(client: HttpClient) -> dict[str, Any]:
    answer = await client.get("/openapi.json")
    assert answer.status == 200
    document: dict[str, Any] = answer.json()
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


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
        if route.resource is not None and route.method != "HEAD"
    ]
    assert {f"{method} {path}" for method, path in routes} == set(documented)
    for method, path in routes:
        name = f"{method} {path}"
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


def test_one_or_several_becomes_a_list_and_null_becomes_nothing() -> None:
    told = {each["name"]: each for each in query_parameters(SumQuery)}
    assert told["uid"]["required"]
    assert told["uid"]["explode"]
    assert told["uid"]["schema"]["type"] == "array"
    assert told["aggregates"]["schema"]["default"] == ["sum"]
    assert not told["end"]["required"]
    assert {"type": "null"} not in told["end"]["schema"]["anyOf"]
    assert "default" not in told["end"]["schema"]
    limit = {each["name"]: each for each in query_parameters(LeaderboardQuery)}["limit"]
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 1000}


def test_a_docstring_becomes_markdown() -> None:
    assert markdown("One ``field``\n    of two lines.\n\n    And more.") == (
        "One `field` of two lines.\n\nAnd more."
    )


def test_a_schema_is_told_in_words() -> None:
    schemas = Schemas([dict[str, list[int]], list[SumQuery], tuple[int, str]])
    words = [
        "".join(word for word, _ in kind_of_schema(each))
        for each in (
            {"type": "integer", "minimum": 1, "maximum": 1000},
            {"type": "integer", "minimum": 5},
            {"type": "string", "maxLength": 64, "minLength": 1},
            {"enum": ["a", "b"]},
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
            {},
        )
    ]
    assert words == [
        "integer, 1 to 1,000",
        "integer, at least 5",
        "text, 1 to 64 characters",
        "a | b",
        "text | null",
        "anything",
    ]
    assert schemas.components["SumQuery"]["required"] == ["thing", "uid"]
    assert kind_of_schema(schemas.of(schemas.kinds[1])) == [("list of ", False), ("SumQuery", True)]


class Page(HTMLParser):
    """The tags of a page, its links, and what they may lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()
        self.ids: list[str] = []
        self.cards: set[str] = set()
        self.scripts: list[str] = []
        self._is_script = False
        self.foreign: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._is_script = tag == "script"
        for name, value in attrs:
            if tag == "details" and name == "id" and value:
                self.cards.add(value)
            if name == "id" and value:
                self.ids.append(value)
            if name == "href" and value:
                self.links.add(value)
            if name in ("src", "srcset", "action", "style") or name.startswith("on"):
                self.foreign.append((tag, name))

    def handle_endtag(self, tag: str) -> None:
        self._is_script = False

    def handle_data(self, data: str) -> None:
        if self._is_script:
            self.scripts.append(data)


async def test_the_page_needs_nothing_from_elsewhere_and_runs_its_own_script_alone(
    served: Served,
) -> None:
    answer = await served.client.get("/docs")
    assert (answer.status, answer.content_type) == (200, "text/html; charset=utf-8")
    page = Page(answer.text)
    assert not page.tags & {"link", "img", "iframe", "object", "embed", "form", "base"}
    assert page.foreign == []
    assert {link for link in page.links if not link.startswith("#")} == {"/openapi.json"}
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert "url(" not in answer.text
    assert "@import" not in answer.text
    rule = header(answer, "Content-Security-Policy")
    assert rule.startswith("default-src 'none'; style-src 'sha256-")
    [script] = page.scripts
    mark = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{mark}';" in rule
    assert "unsafe" not in rule


async def test_a_link_to_a_route_leads_to_its_card_which_is_opened(served: Served) -> None:
    """That the script does so was looked at in a browser: this holds what it relies on."""
    page = Page((await served.client.get("/docs")).text)
    document = await document_of(served.client)
    routes = {operation["operationId"] for _, _, operation in operations(document)}
    assert routes <= page.cards
    assert {f"#{name}" for name in routes} <= page.links
    [script] = page.scripts
    for needed in ("getElementById", "HTMLDetailsElement", ".open = true", '"hashchange"'):
        assert needed in script
    assert "</" not in script, "it would end the script"


async def test_the_page_shows_every_route_and_every_shape(served: Served) -> None:
    document = await document_of(served.client)
    text = (await served.client.get("/docs")).text
    for _, path, operation in operations(document):
        assert f'id="{operation["operationId"]}"' in text, path
    for name in document["components"]["schemas"]:
        assert f'id="shape-{name}"' in text, name


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
async def test_who_has_it_already_is_told_so(served: Served, path: str) -> None:
    first = await served.client.get(path)
    again = await served.client.request(
        "GET", path, headers={"If-None-Match": header(first, "ETag")}
    )
    assert (again.status, again.text) == (304, "")


def turn(method: str, path: str, operation: dict[str, Any]) -> int:
    """Writing comes before reading, and taking away after it."""
    if path.endswith("/audit"):
        return 5
    if method == "DELETE":
        return 6 if path == "/v3/boards/{name}" else 4
    if operation["security"] != [{"bearer": ["write"]}]:
        return 3
    return {"PUT": 1, "PATCH": 2}.get(method, 2 if "boards" in path else 0)


def header(answer: Answer, name: str) -> str:
    return CIMultiDict(answer.headers)[name]


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
