"""A domain is a folder and a line: a copy of psd gets one more, and others go without one.

The folder that comes is tests/e2e/meters. Nothing else of a copy is changed but DOMAINS.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import redis
from aiohttp.test_utils import TestClient, TestServer

from psd.config import RedisSettings, Settings
from psd.domains import domains
from psd.runtime import open_runtime
from server.app import build_app
from tests.support.clients.pages import Browser
from tests.support.processes.house import TIMEOUT_S, House
from tests.support.servers.redis_server import RedisServer
from tests.support.waiting import wait_until

SECOND_S = 1_644_210_000


@pytest.fixture
async def house(redis_url: str, tmp_path: Path) -> House:
    return House(tmp_path / "house", redis_url)


ASKED = {"rewards": "/v3/streaks/at-risk", "prometheus": "/api/v1/query?query=steps"}
"""A question to each domain."""


@pytest.mark.parametrize("name", [domain.name for domain in domains()])
async def test_a_domain_can_be_left_out(
    name: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    house = House(tmp_path / "house", redis_server.url, name)
    event = {"thing": "steps", "uid": 7, "aid": 1, "ts1": SECOND_S, "ts2": SECOND_S, "value": 5}
    with house.running("server"):
        await wait_until("the server is ready", house.is_ready, TIMEOUT_S)
        assert house.ask("POST", "/v3/events", {"command": "metric", "metric": event})[0] == 200
        assert house.ask("GET", "/v3/sum?thing=steps&uid=7")[1]["data"][0]["sum"] == 5
        answered = {each: house.exchange("GET", path)[0] for each, path in ASKED.items()}
        assert answered == {each: 404 if each == name else 200 for each in ASKED}
        document, page = house.ask("GET", "/openapi.json")[1], house.exchange("GET", "/docs")[2]
    whole, whole_page = await reference_of_all(redis_server.url)
    assert document["paths"] == {
        path: told
        for path, told in whole["paths"].items()
        if all(operation["tags"] != [name.capitalize()] for operation in told.values())
    }
    # What a domain answers on a site of its own alone is not in the reference.
    is_told = document["paths"] != whole["paths"]
    assert (name.capitalize() in {each["name"] for each in whole["tags"]}) == is_told
    assert name.capitalize() not in {each["name"] for each in document["tags"]}
    heading = f">{name.capitalize()}<".encode()
    assert (heading in whole_page, heading in page) == (is_told, False)
    assert is_told or name not in ASKED
    assert f"\n  {name}  " not in house.run("-m", "psd", "--help")


async def reference_of_all(redis_url: str) -> tuple[Any, bytes]:
    """The reference of a psd that lacks nothing, as a document and as a page."""
    runtime = await open_runtime(Settings(redis=RedisSettings(url=redis_url)))
    try:
        async with TestClient(TestServer(build_app(runtime))) as client:
            document = await (await client.get("/openapi.json")).json()
            return document, await (await client.get("/docs")).read()
    finally:
        await runtime.close()


async def test_a_domain_is_a_folder_and_a_line(house: House, redis_server: RedisServer) -> None:
    reading = {"meter": 7, "wh": 120, "time": SECOND_S}
    with house.running("server"), house.running("worker"):
        await wait_until("the server is ready", house.is_ready, TIMEOUT_S)
        from_the_queue(house, reading)
        expected = (200, {"meter": 7, "shown": 120})
        await wait_until(
            "it was kept", lambda: house.ask("GET", "/v3/meters/7") == expected, TIMEOUT_S
        )
        over_http(house, reading)
        watched(house)
        one_by_one(house)
        by_form_and_in_other_formats(house)
        as_a_cloud_event(house)
        in_the_reference(house)
        by_client_and_command_line(house)
        audited(house, redis_server.url)
        await as_pages(house)
        await at_its_face(house)


def from_the_queue(house: House, reading: dict[str, int]) -> None:
    message = json.dumps({"command": "reading", "reading": reading})
    house.run("-m", "psd", "publish", "-", text=f"{message}\n")


def over_http(house: House, reading: dict[str, int]) -> None:
    documents = [{**reading, "meter": 8}, {**reading, "meter": 9, "wh": 201}]
    status, answer = house.ask("POST", "/v3/readings", documents)
    [refused] = answer["refused"]
    assert (status, answer["booked"], refused["code"]) == (406, 1, "out_of_bounds")
    assert refused["message"] == "wh: 201 must lie between 0 and 200"
    assert house.ask("GET", "/v3/meters/8?per=100") == (200, {"meter": 8, "shown": 1})
    assert house.ask("GET", "/v3/meters/9")[1]["code"] == "not_found"
    assert house.ask("GET", "/v3/meters/100")[1]["code"] == "out_of_bounds"
    assert house.ask("GET", "/v3/meters/8?unit=1")[1]["detail"].startswith("unit: unknown")
    some = {"data": [{"meter": 8, "shown": 120}, {"meter": 7, "shown": 120}], "unread": 1}
    assert house.ask("GET", "/v3/meters?meter=8&meter=7&meter=6") == (200, some)
    assert house.ask("GET", "/v3/meters?meter=8&meter=x")[1]["code"] == "wrong_type"
    assert house.ask("GET", "/v3/meters")[1]["detail"] == "meter: missing; it is needed"
    assert house.ask("GET", "/v3/meters?" + "&meter=7" * 11)[0] == 422


def one_by_one(house: House) -> None:
    path = "/v3/meters/9/reading"
    assert house.ask("PUT", path, {"wh": 2, "time": SECOND_S}) == (201, {"meter": 9, "shown": 2})
    status, told = house.ask("PUT", path, {"wh": 201, "time": SECOND_S})
    assert (status, told["code"]) == (422, "out_of_bounds")
    assert told["fields"] == {"wh": "201 must lie between 0 and 200"}
    status, told = house.ask("PUT", path, {"wh": 1, "time": SECOND_S})
    assert (status, told["code"]) == (409, "conflict")
    status, told = house.ask("PUT", path, {"wh": "x", "time": SECOND_S})
    assert (status, told["code"]) == (422, "wrong_type")
    assert [*told["fields"]] == ["wh"]
    assert house.ask("PUT", path, {"wh": 3})[1]["fields"] == {"time": "missing; it is needed"}
    assert house.ask("PUT", path, {"watt": 3})[1]["fields"]["watt"].startswith("unknown; known")
    assert house.exchange("PUT", path, b"wh=3")[0] == 400
    assert house.ask("GET", "/v3/meters/9") == (200, {"meter": 9, "shown": 2})


def watched(house: House) -> None:
    status, headers, body = house.exchange("GET", "/v3/meters/8/watch?per=100&wait=0")
    assert (status, body, headers["Psd-Version"]) == (200, b'{"meter":8,"shown":1}', "120")
    assert house.exchange("GET", "/v3/meters/8/watch?wait=0&version=120")[0] == 304
    assert house.exchange("GET", "/v3/meters/55/watch")[0] == 404


def by_form_and_in_other_formats(house: House) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    status, headers, body = house.exchange("POST", "/v3/meters", b"meter=8&meter=6", form)
    assert (status, json.loads(body)) == (200, {"data": [{"meter": 8, "shown": 120}], "unread": 1})
    assert "ETag" not in headers
    refused = house.exchange("POST", "/v3/meters", b"meter=8&metre=7", form)[2]
    assert json.loads(refused)["detail"].startswith("metre: unknown; known are meter")
    refused = house.exchange("POST", "/v3/meters", b'{"meter":8}')[2]
    assert json.loads(refused)["detail"].startswith("body: expected a form")
    status, headers, body = house.exchange("GET", "/v3/meters?meter=8&meter=6&format=csv")
    assert (status, body, headers["Psd-Unread"]) == (200, b"meter,shown\r\n8,120\r\n", "1")
    tag = {"If-None-Match": headers["ETag"], "Accept": "text/csv"}
    assert house.exchange("GET", "/v3/meters?meter=8&meter=6", headers=tag)[0] == 304
    tag["Accept"] = "application/json"
    assert house.exchange("GET", "/v3/meters?meter=8&meter=6", headers=tag)[0] == 200
    one = house.ask("GET", "/v3/meters/8?format=csv")[1]
    assert one["detail"] == "format: 'csv' is not one of json, msgpack"


def as_a_cloud_event(house: House) -> None:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/meters",
        "type": "psd.reading",
        "time": "2022-02-07T05:00:00Z",
        "data": {"meter": 9, "wh": 3},
    }
    headers = {"Content-Type": "application/cloudevents+json"}
    answer = house.exchange("POST", "/v3/events", json.dumps(event).encode(), headers)[2]
    assert json.loads(answer)["summary"]["booked"] == 1
    assert house.ask("GET", "/v3/meters/9") == (200, {"meter": 9, "shown": 3})


def in_the_reference(house: House) -> None:
    document = house.ask("GET", "/openapi.json")[1]
    assert {"name": "Meters", "description": "Meters, and the newest reading of each."} in (
        document["tags"]
    )
    asked = document["paths"]["/v3/meters/{meter}"]["get"]
    assert [each.get("name") for each in asked["parameters"][:2]] == ["meter", "per"]
    assert document["paths"]["/v3/readings"]["post"]["tags"] == ["Meters"]
    done = document["paths"]["/v3/meters/{meter}/reading"]["put"]["responses"]
    assert {"200", "201", "409", "422"} <= set(done)
    assert done["422"] == {"$ref": "#/components/responses/fields-422"}
    message = document["components"]["schemas"]["QueueMessage"]["properties"]
    assert {"reading", "readings"} <= set(message)
    assert {"reading", "readings"} <= set(message["command"]["enum"])


async def as_pages(house: House) -> None:
    """Below its name on the main port: looked at, a form sent, and a file."""
    added = house.run(
        "-m", "psd", "pages", "users", "add", "al", "--scope", "write", text="secret\n"
    )
    assert added == "al may sign in: read and write, everybody's data\n"
    async with Browser(f"http://127.0.0.1:{house.port}/meters") as browser:
        page = await browser.get("/meter/7/")
        there = "%2Fmeters%2Fmeter%2F7%2F"
        assert (page.status, page.location) == (302, f"/meters/auth/login?next={there}")
        assert (await browser.get("/meter/7/watch?wait=0")).status == 401
        page = await browser.sign_in("al", "secret", f"/auth/login?next={there}")
        assert (page.status, page.location) == (302, "/meters/meter/7/")
        assert (await browser.get("/meter/7/")).headings == ["Meter 7"]
        assert (await browser.get("/meter/7/watch?wait=0")).text == '{"meter":7,"shown":120}'


async def at_its_face(house: House) -> None:
    """At its root, with the old API beside the pages, in the words of that."""
    async with Browser(f"http://127.0.0.1:{house.face_port}") as browser:
        assert (await browser.get("/readings/7")).text == '{"meter":7,"shown":120}'
        missing = await browser.get("/nope")
        assert (missing.status, missing.text) == (
            404,
            '{"detail":"path: nothing is served at /nope"}',
        )
        assert (await browser.get("/v3/meters/7")).status == 404
        page = await browser.sign_in("al", "secret")
        assert (page.status, page.location) == (302, "/")
        page = await browser.get("/")
        assert page.headings == ["Meters"]
        assert "7: 120 Wh" in page.items
        assert "/meter/7/" in page.links
        assert (await browser.get("/?format=csv")).text.startswith("meter,wh\r\n")
        assert (await browser.get("/meter/7")).location == "/meter/7/"
        assert (await browser.get("/meter/55/")).status == 404
        page = await browser.post("/meter/7/", {"wh": "130"})
        assert (page.status, "csrf_token" in page.text) == (400, True)
        page = await browser.send("/meter/7/", {"wh": "201"})
        assert page.errors == ["wh: 201 must lie between 0 and 200"]
        page = await browser.send("/meter/7/", {"wh": "130"})
        assert (page.status, page.location) == (302, "/meter/7/")
        page = await browser.get("/meter/7/")
        assert page.alerts == ["<130> Wh"]
        assert "130 Wh" in page.text
        assert (await browser.get("/meter/7/")).alerts == []


def audited(house: House, redis_url: str) -> None:
    assert house.run("-m", "psd", "verify", "--domain", "meters") == (
        "3 audited: 3 clean; 0 differences\n"
    )
    with redis.Redis.from_url(redis_url) as store:
        store.hset("psd:meters:{all}", "8", "much")
    line = "psd:meters:{all} 8: much, should be a number by its kind\n"
    arguments = ("-m", "psd", "verify", "--repair")
    assert house.run(*arguments) == f"{line}3 audited: 2 clean, 1 repaired; 1 difference\n"
    assert house.run(*arguments, "--domain", "meters") == "2 audited: 2 clean; 0 differences\n"


def by_client_and_command_line(house: House) -> None:
    asking = f"from psd.client import Client; c = Client('http://127.0.0.1:{house.port}')"
    assert house.run("-c", f"{asking}; print(c.meters.meter(7).shown); c.close()") == "120\n"
    assert house.run("-m", "psd", "meters", "show", "8") == "120\n"
    assert "meters  " in house.run("-m", "psd", "--help")
    [line] = [
        line.split()
        for line in house.run("-m", "psd", "config", "show").splitlines()
        if line.split()[0] == "meters.wh_max"
    ]
    assert line[1:] == ["200", "PSD_METERS_WH_MAX"]
    known = "from psd.store.keys import kind_of; print(kind_of('psd:meters:{all}').name)"
    assert house.run("-c", known) == "meters\n"
    placed = "from psd.failpoints import failpoint_of; print(failpoint_of('meters_kept').place)"
    assert house.run("-c", placed) == "meters_kept\n"
