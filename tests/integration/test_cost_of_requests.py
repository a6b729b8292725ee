"""The heaviest request of every route: what its script calls touch, a stranger beside it."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis.asyncio import Connection
from redis.exceptions import ResponseError

from psd.charging.part import ChargingPart
from psd.queue.deadletter import DeadLetterBox
from psd.runtime import Runtime
from psd.store.link import Link
from psd.store.scripts import load_script, script_names
from psd.store.sending import Command
from server import app as served
from server.faces import faces, port_setting, ports_of
from tests.support.charging.yard import yard
from tests.support.clients.access import asked_of, bearer, token_for
from tests.support.clients.http import HttpClient, client_of
from tests.support.engine import book, report
from tests.support.heaviest.energy_requests import DAYS
from tests.support.heaviest.heavy_domains import (
    OBJECTS,
    heavy_meters,
    heavy_network,
    heavy_site,
)
from tests.support.heaviest.heavy_owners import heavy_owner, heavy_weeks
from tests.support.heaviest.hog import EVERY, Hog
from tests.support.scripts.counted_lua import Touched
from tests.support.scripts.payment_scene import top_up
from tests.support.servers.ports import free_ports
from tests.support.servers.redis_server import RedisServer

HOG, STRANGER = token_for("hog", "admin"), token_for("stranger", "read")
STRANGERS_UID = 10**6
BOOKINGS = 6_000
WEEKS = 4
ENTRIES = 1_000
CONNECTIONS = 3
CALL_MAX = 40_000
"""What a call may touch, as in tests/contract/test_reading_work.py: 20 ms at 0.5 us each."""

GOOD = {200, 201, 202, 204, 302, 303, 429, 503}

SITES = ("/swaps", "/rewards", "/energy", "/charging")

OTHERWISE: dict[str, set[int]] = {
    "DELETE /v3/boards/{name}": {404},
    "GET /v3/boards/{name}/bracket": {400},
    "GET /v3/boards/{name}/final": {404},
    "DELETE /v3/energy/plans/{plan}": {404},
    # What operators ask of one that is not there.
    "GET /v3/ops/audits/{audit}": {404},
    "GET /v3/ops/dead-letters/{letter}": {404},
    "GET /v3/ops/imports/{import}": {404},
    "POST /v3/ops/imports/{import}/undo": {404, 422},
    "POST /v3/ops/tokens": {404, 409, 422},
    "POST /v3/ops/tokens/{mark}/revoke": {404, 422},
    "POST /v3/ops/audits": {409},
    "GET /ops/audits/{audit}": {404},
    "GET /ops/dead-letters/{letter}": {404},
    "GET /ops/imports/{import}": {404},
    "GET /ops/tokens/{mark}": {404},
    "POST /ops/imports/{import}": {404},
    # Nobody has the password, and the token of a form before signing in is another one.
    **{f"POST {site}/auth/login": {400} for site in ("", *SITES)},
    # No Stripe is there, and nothing is signed by it.
    "charging: POST /hook": {400},
    # Its plug is nobody's, and what it may be asked follows from its state.
    **{f"{site}/plugs/{{plug}}/": {409, 422} for site in ("POST /charging", "charging: POST ")},
    **{f"charging: GET /{way}/{{customer}}": {500} for way in ("topup", "manage")},
}
"""Answers beside success, a way that leads on, 429 and 503: one board, without rounds, and no final
where the machine was too slow for one."""

NOT_OF_REQUESTS = {
    **{
        f"charging.{name}": "of workers, webhooks and replays"
        for name in ("post", "release", "restore", "session", "take")
    },
    "columns.seal": "of psd seal",
    "columns.there": "asked where there are several partitions, which this store has not",
    "engine.activity_sum": "asked by programs alone",
    "engine.preview": "of psd replay",
    "rewards.publish": "of the weekly job",
    "rewards.hold_lock": "of the weekly job",
}
"""Scripts that no request here runs, and whose they are."""


pytestmark = pytest.mark.psd({**asked_of(HOG, STRANGER), "charging.enabled": True}, archives=False)


@pytest.fixture
def more_settings() -> dict[str, Any]:
    """Every face is on."""
    settings = [port_setting(domain) for domain in faces().values()]
    return dict(zip(settings, free_ports(len(settings)), strict=True))


@pytest.fixture
async def runtime(runtime: Runtime) -> Runtime:
    """It holds a heavy owner, nine hundred light ones, many weeks, and a page of money."""
    events = list(heavy_owner(BOOKINGS))
    for at in range(0, len(events), 500):
        await book(runtime, events[at : at + 500])
    await book(runtime, [report(5, uid=uid, aid=uid) for uid in range(2, 901)])
    await book(runtime, [report(7, uid=STRANGERS_UID)])
    await heavy_weeks(runtime, WEEKS)
    for number in range(ENTRIES):
        await runtime.part(ChargingPart).desk.post("u1", top_up(str(number)))
    await yard(runtime)
    await heavy_site(runtime, plugs=200, sessions=600)
    await heavy_network(runtime, OBJECTS, swaps=400)
    await heavy_meters(runtime, meters=200, days=DAYS)
    return runtime


class Counting:
    """Runs every script call counted, in place of the call itself."""

    def __init__(self, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.most: dict[str, int] = defaultdict(int)
        self._names: dict[Any, str] = {load_script(each).sha: each for each in script_names()}
        with server.sync_client() as client:
            # Some have 60 kB, which would go to the server with each of 26,000 calls.
            loaded = {
                name: client.script_load(Touched(load_script(name)).source)
                for name in script_names()
            }
        asked = Link._asked

        async def counted(
            link: Link, connection: Connection, commands: Sequence[Command]
        ) -> list[Any]:
            names = [self._names.get(c[1]) if c[0] == "EVALSHA" else None for c in commands]
            sent = [
                command if name is None else ("EVALSHA", loaded[name], *command[2:])
                for name, command in zip(names, commands, strict=True)
            ]
            replies = await asked(link, connection, sent)
            return [self._noted(name, reply) for name, reply in zip(names, replies, strict=True)]

        monkeypatch.setattr(Link, "_asked", counted)

    def _noted(self, name: str | None, reply: Any) -> Any:
        if name is None or isinstance(reply, ResponseError):
            return reply
        told, *touched = reply
        self.most[name] = max(self.most[name], sum(touched))
        return told


def served_routes(runtime: Runtime) -> set[str]:
    app = served.build_app(runtime)
    apps = {"": app, **{f"{face}: ": each for face, each in app[served.FACES].items()}}
    return {
        f"{face}{route.method} {route.resource.canonical}"
        for face, each in apps.items()
        for route in each.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }


async def test_the_heaviest_of_every_route_is_bounded_and_strangers_are_answered_meanwhile(
    client: HttpClient,
    runtime: Runtime,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert set(EVERY) == served_routes(runtime), "say what its heaviest request is"
    # Who looks for dead letters waits until none comes any more.
    monkeypatch.setattr(DeadLetterBox.__init__, "__defaults__", (0.01, 0.01))
    counting = Counting(redis_server, monkeypatch)
    statuses: dict[str, set[int]] = defaultdict(set)
    answers: Counter[int] = Counter()
    route = ""

    async def ask() -> None:
        path = f"/v1/query/{STRANGERS_UID}/steps/all/0/4102444800"
        while route != "over":
            asked = route
            answer = await client.request("GET", path, headers=bearer(STRANGER.secret))
            answers[answer.status] += 1
            assert answer.status != 200 or answer.text == "7", f"beside {asked}"

    async def send(name: str) -> None:
        method, each, headers = hog.asked(name)
        at = by_face.get(name.rpartition(": ")[0], client)
        content_type = each.content_type if each.content else ""
        answer = await at.request(method, each.path, each.content, content_type, headers)
        statuses[name].add(answer.status)

    async with AsyncExitStack() as stack:
        urls = {
            face: f"http://127.0.0.1:{port}" for face, port in ports_of(runtime.settings).items()
        }
        by_face = {
            face: await stack.enter_async_context(client_of(url)) for face, url in urls.items()
        }
        hog = Hog(bearer(HOG.secret), f"psd_token={HOG.secret}")
        await hog.sign_in(client)
        asking = asyncio.create_task(ask())
        for route in EVERY:
            await asyncio.gather(*(send(route) for _ in range(CONNECTIONS)))
    route = "over"
    await asking
    # Counted scripts take several times as long, so a slow machine may give a question up. How long
    # strangers wait is a figure of ``make bench`` (n).
    assert set(answers) <= {200, 503}, answers
    assert answers[200], answers
    told = {name: found - GOOD for name, found in statuses.items()}
    assert {name: found for name, found in told.items() if found - OTHERWISE.get(name, set())} == {}
    assert {name: most for name, most in counting.most.items() if most > CALL_MAX} == {}
    assert set(script_names()) - set(counting.most) == set(NOT_OF_REQUESTS)
