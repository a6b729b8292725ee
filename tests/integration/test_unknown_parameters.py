"""A parameter of v3 is known and is text, or it is refused by its name: none is passed over."""

from __future__ import annotations

import re

import pytest

from tests.support.clients.http import HttpClient

METHODS = ("get", "post", "put", "patch", "delete")


async def test_every_route_of_v3_refuses_a_parameter_that_it_does_not_know(
    client: HttpClient,
) -> None:
    document = (await client.get("/openapi.json")).json()
    routes = [
        (method.upper(), path)
        for path, told in document["paths"].items()
        for method in METHODS
        if method in told and path.startswith("/v3/")
    ]
    assert len(routes) > 60
    passed_over = []
    for method, path in routes:
        answer = await client.request(method, re.sub(r"\{\w+\}", "1", path) + "?colour=red")
        if not (400 <= answer.status < 500 and "colour" in answer.text):
            passed_over.append((method, path, answer.status, answer.text[:100]))
    assert passed_over == []


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("GET", "/v3/sum?thing=steps&uid=al%FF", "uid: 'al%FF' is no UTF-8 behind its %"),
        ("GET", "/v3/sum?thing=steps&uid=%C3", "uid: '%C3' is no UTF-8 behind its %"),
        ("GET", "/v3/sum?thing=steps&uid=%ED%A0%80", "uid: '%ED%A0%80' is no UTF-8 behind its %"),
        ("GET", "/v3/energy/meters?after=%FF", "after: '%FF' is no UTF-8 behind its %"),
        ("DELETE", "/v3/users/al%FF", "path: '/v3/users/al%FF' is no UTF-8 behind its %"),
    ],
)
async def test_bytes_of_a_url_that_are_no_text_are_nobodys_name(
    client: HttpClient, method: str, path: str, told: str
) -> None:
    answer = await client.request(method, path)
    assert (answer.status, answer.json()["detail"]) == (400, told)


async def test_a_name_may_have_any_letter_behind_its_percent(client: HttpClient) -> None:
    for name in ("%C3%A9", "%EF%BF%BD", "100%25", "%2525"):
        sums = await client.get(f"/v3/sum?thing=steps&uid={name}&start=0&end=1")
        assert sums.status == 200, sums.text
        activities = await client.get(f"/v3/users/{name}/activities")
        assert activities.status == 200, activities.text
