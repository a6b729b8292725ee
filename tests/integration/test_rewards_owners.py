"""Whose rewards a token or a JWT may see: its owner's, and nobody learns that others exist."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.clients.access import AUDIENCE, ISSUER, Issuer, bearer, token_for
from tests.support.clients.http import Answer
from tests.support.rewards.reward_weeks import Served, weeks_served

ADDRESS = "0x" + "aB" * 20
ISSUED_BY = Issuer()

TOKENS = {
    "everybody": token_for("everybody", "read"),
    "owner 42": token_for("of-42", "read", frozenset({42})),
    "owner 77": token_for("of-77", "read", frozenset({77})),
    "owners 42 and 77": token_for("of-two", "read", frozenset({42, 77})),
}
SECRETS = {
    **{name: token.secret for name, token in TOKENS.items()},
    "jwt of 42": ISSUED_BY.jwt(sub="42"),
    "jwt of the address": ISSUED_BY.jwt(sub=ADDRESS),
    "jwt of the address in other letters": ISSUED_BY.jwt(sub=ADDRESS.upper().replace("X", "x")),
    "jwt of a stranger": ISSUED_BY.jwt(sub="user:1"),
}


@pytest.fixture
async def served(redis_url: str, tmp_path: Path) -> AsyncIterator[Served]:
    """Vehicle 7 is owner 42's, vehicle 8 the address'; nobody owns 9. Week 2 is open."""
    keys = tmp_path / "jwks.json"
    keys.write_bytes(ISSUED_BY.jwks())
    flags = {
        "access.tokens": tuple(token.line for token in TOKENS.values()),
        "access.jwks": str(keys),
        "access.jwt_issuer": ISSUER,
        "access.jwt_audience": AUDIENCE,
    }
    async with weeks_served(redis_url, 2, flags) as served:
        await served.describe(7, owner=42)
        await served.describe(8, owner=ADDRESS)
        for vehicle in (7, 8, 9):
            await served.drive_in(vehicle, "Tesla", 0, 1)
        await served.compute(1)
        yield served


async def ask(served: Served, who: str, path: str) -> Answer:
    return await served.client.request("GET", path, headers=bearer(SECRETS[who]))


SEES = {
    "everybody": {7, 8, 9},
    "owner 42": {7},
    "owner 77": set(),
    "owners 42 and 77": {7},
    "jwt of 42": {7},
    "jwt of the address": {8},
    "jwt of the address in other letters": {8},
    "jwt of a stranger": set(),
}


@pytest.mark.parametrize("who", SEES)
async def test_a_vehicle_of_another_owner_answers_as_one_that_nobody_knows(
    served: Served, who: str
) -> None:
    for path in ("/v3/vehicles/{}/statement", "/v1/aftermarket/device/{}"):
        unknown = await ask(served, who, path.format(1000))
        for vehicle in (7, 8, 9):
            answer = await ask(served, who, path.format(vehicle))
            if vehicle in SEES[who]:
                assert (answer.status, f'"week{"s" * ("device" in path)}":' in answer.text) == (
                    200,
                    True,
                )
                assert answer.json().get("weeks") != []
            else:
                assert answer.status == unknown.status
                assert answer.text == unknown.text.replace("1000", str(vehicle))
                assert set(answer.headers) == set(unknown.headers)


ONE_OWNER = [who for who in SEES if who not in ("everybody", "owners 42 and 77")]


@pytest.mark.parametrize("who", ONE_OWNER)
async def test_without_a_name_it_is_the_tokens_own_owner(served: Served, who: str) -> None:
    own = sorted(SEES[who])
    risks = (await ask(served, who, "/v3/streaks/at-risk")).json()
    assert [each["vehicle"] for each in risks["data"]] == [*map(str, own)]
    page = await ask(served, who, "/v1/user")
    history = (await ask(served, who, "/v1/user/history")).json()["weeks"]
    assert len(history) == (2 if own else 0)
    assert page.status == (200 if own else 404)
    if own:
        assert [device["id"] for device in page.json()["devices"]] == list(map(str, own))


@pytest.mark.parametrize("who", ONE_OWNER)
async def test_anothers_name_answers_as_one_that_nobody_has(served: Served, who: str) -> None:
    foreign = ADDRESS if 7 in SEES[who] else "42"
    for path in ("/v1/user", "/v1/user/history", "/v3/streaks/at-risk"):
        answer = await ask(served, who, f"{path}?owner={foreign}")
        unknown = await ask(served, who, f"{path}?owner=nobody")
        assert (answer.status, answer.text) == (unknown.status, unknown.text)


async def test_who_sees_several_owners_names_one(served: Served) -> None:
    for who, owners in (("everybody", ("42", ADDRESS)), ("owners 42 and 77", ("42",))):
        assert (await ask(served, who, "/v1/user")).status == 400
        for owner in owners:
            page = await ask(served, who, f"/v1/user?owner={owner}")
            assert page.status == 200
    assert (await ask(served, "owners 42 and 77", f"/v1/user?owner={ADDRESS}")).status == 404
    assert (await ask(served, "owners 42 and 77", "/v3/streaks/at-risk")).status == 400
    everyone = (await ask(served, "everybody", "/v3/streaks/at-risk")).json()["data"]
    assert sorted(each["vehicle"] for each in everyone) == ["7", "8", "9"]


async def test_the_board_is_for_who_sees_everybody(served: Served) -> None:
    statuses = {who: (await ask(served, who, "/v3/streaks")).status for who in SEES}
    assert {who for who, status in statuses.items() if status == 200} == {"everybody"}
    assert set(statuses.values()) == {200, 403}


async def test_what_points_are_worth_is_for_every_reader(served: Served) -> None:
    for who in SEES:
        assert (await ask(served, who, "/v1/rewards/convert?points=1")).status == 200


async def test_a_refusal_comes_in_the_words_of_the_originals_rewards(served: Served) -> None:
    answer = await served.client.get("/v1/user")
    assert answer.status == 401
    assert answer.json()["code"] == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="psd"'
