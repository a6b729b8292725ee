"""The limits of what a request asks: ids, things, ranges, nesting. Past them is 422."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from tests.support.clients.http import FORM
from tests.support.clients.limited_server import LimitedServer

QUERY = "/v1/query/1/steps/all"


@pytest.mark.parametrize(
    ("route", "form", "told"),
    [
        ("/v1/query_ids/steps/all/0/9", {"ids": "1,2,3,4"}, "ids: 4 asked, at most 3 allowed"),
        ("/v1/readcount_with_ids/a/0/9", {"ids": "1,2,3,4"}, "ids: 4 asked, at most 3 allowed"),
        (
            "/v1/mumt_query/all/0/9",
            {"ids": "1", "things": "steps,points,cb"},
            "things: 3 asked, at most 2 allowed",
        ),
    ],
)
async def test_more_ids_or_things_than_the_limit_get_422(
    server: LimitedServer, route: str, form: dict[str, str], told: str
) -> None:
    answer = await server.client.post(route, form)
    assert (answer.status, answer.json()) == (422, {"error": told})


TOO_LONG = "range: 1001 s asked, at most 1000 s are allowed"


@pytest.mark.parametrize("route", [QUERY, "/v1/readcount/hifive"])
async def test_a_range_past_the_limit_gets_422(server: LimitedServer, route: str) -> None:
    assert (await server.client.get(f"{route}/5000/5999")).status == 200
    answer = await server.client.get(f"{route}/5000/6000")
    assert (answer.status, answer.text) == (422, TOO_LONG)


@pytest.mark.parametrize(
    "route",
    [
        "/v1/query_ids/steps/all",
        "/v1/mu_query/steps/all",
        "/v1/mumt_query/all",
        "/v2/mumt_query/all",
        "/v1/readcount_with_ids/hifive",
    ],
)
async def test_a_range_past_the_limit_gets_422_for_many_users(
    server: LimitedServer, route: str
) -> None:
    form = {"ids": "1,2", "things": "steps", "offsets": "0,9"}
    assert (await server.client.post(f"{route}/5000/5999", form)).status == 200
    answer = await server.client.post(f"{route}/5000/6000", form)
    assert (answer.status, answer.json()) == (422, {"error": TOO_LONG})


async def test_what_lies_outside_all_times_does_not_count_to_a_range(server: LimitedServer) -> None:
    assert (await server.client.get(f"{QUERY}/-{2**62}/999")).status == 200
    assert (await server.client.get(f"{QUERY}/{2**62}/{2**63 - 1}")).status == 200
    assert (await server.client.get(f"{QUERY}/9/0")).status == 200
    assert (await server.client.get(f"{QUERY}/-{2**62}/1000")).status == 422


def nested(levels: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    """A report with an unknown field, ``levels`` deep all together."""
    report = b'{"thing":"steps","uid":1,"atid":2,"aid":3,"value":1,"ts1":5,"ts2":9,"x":'
    inner = levels - 1
    return report + opening * inner + b"1" + closing * inner + b"}"


@pytest.mark.parametrize("bracket", [(b"[", b"]"), (b'{"a":', b"}")])
async def test_json_nested_past_the_limit_gets_422(
    server: LimitedServer, bracket: tuple[bytes, bytes]
) -> None:
    assert (await server.client.write(nested(8, *bracket))).text == "ok"
    for levels in (9, 33, 250):
        answer = await server.client.write(nested(levels, *bracket))
        assert (answer.status, answer.text) == (422, "message: nested deeper than 8 levels")


async def test_brackets_in_texts_and_side_by_side_are_not_nested(
    server: LimitedServer,
) -> None:
    report = nested(8)[:-1] + b',"y":"' + b"[" * 50 + b'","z":[' + b"[]," * 50 + b"[]]}"
    assert (await server.client.write(report)).text == "ok"


async def test_a_row_that_is_nested_too_deep_is_refused_by_itself(server: LimitedServer) -> None:
    for body in (b"[" + nested(8) + b"," + nested(9) + b"]", nested(8) + b"\n" + nested(9)):
        answer = await server.client.request("POST", "/v1/write_many", body)
        assert answer.status == 406
        [refusal] = answer.json()["refused"]
        assert (refusal["index"], refusal["code"]) == (1, "too_large")


async def test_a_list_too_deep_to_be_read_gets_422(server: LimitedServer) -> None:
    deep = b"[" * 1000 + b"]" * 1000
    answer = await server.client.request("POST", "/v1/write_many", deep)
    assert (answer.status, answer.json()["error"]) == (422, "message: nested deeper than 32 levels")


async def test_messages_nested_past_the_limit_are_not_put_on_the_queue(
    server: LimitedServer,
) -> None:
    def message(levels: int) -> bytes:
        return b'{"command":"metric","metric":' + nested(levels - 1) + b"}"

    assert (await server.client.request("POST", "/v1/enqueue", message(8))).status == 202
    for body in (message(9), message(8) + b"\n" + message(9), packed(9), packed(900)):
        answer = await server.client.request("POST", "/v1/enqueue", body)
        assert answer.status == 422, body
        assert "nested deeper than 8 levels" in answer.json()["error"]


def packed(levels: int) -> bytes:
    """A msgpack map whose one unknown field makes it ``levels`` deep."""
    return b"\x81\xa1x" + b"\x91" * (levels - 1) + b"\x01"


async def test_the_form_of_a_thousand_fields_gets_422(server: LimitedServer) -> None:
    body = urlencode({f"f{n}": "" for n in range(257)}).encode()
    answer = await server.client.request("POST", "/v1/query_ids/steps/all/0/9", body, FORM)
    assert (answer.status, answer.json()["error"]) == (422, "form: more than 256 fields")
