"""The client's rules: what a refusal becomes, when it asks again, how events are cut."""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from psd.client import AsyncClient, Client, Retries, answers
from psd.client.boards import AsyncBoards
from psd.client.errors import KINDS, error_of
from psd.client.events import BODY_BYTES_MAX, EVENTS_MAX, Batch
from psd.client.paging import compared, moves, pages, second
from psd.client.retrying import ONCE, Tries, told_wait_s
from psd.client.synchronous import Boards
from psd.client.transport import Transport, parameters, path_of
from psd.errors import (
    BadQueryError,
    BusyError,
    ClientError,
    DetailExpiredError,
    ForbiddenError,
    PsdError,
    RequestInHandError,
    ServerUnavailableError,
    StoreUnavailableError,
    TooLargeError,
)
from psd.rewards.client import AsyncRewards, Rewards
from server.errors import answer_error
from server.idempotency import CLAIM_S
from server.routes import v3_events

PROBLEM = "application/problem+json"


@pytest.mark.parametrize("kind", list(KINDS.values()), ids=lambda kind: kind.code)
def test_a_refusal_is_the_error_that_it_was_on_the_server(kind: type[PsdError]) -> None:
    sent = answer_error(kind("field: why"), "problem")
    assert isinstance(sent.body, bytes)
    found = error_of(sent.status, sent.headers["Content-Type"], sent.body, "r-1")
    # Of what is no client's fault the text stays on the server.
    why = "field: why" if sent.status != 500 else f"{kind.code}: an unexpected error; it was logged"
    assert (type(found), str(found), found.retryable) == (kind, why, kind.retryable)
    assert found.__notes__ == [f"the server answered {sent.status}, request r-1"]


def test_expired_detail_keeps_its_resolution() -> None:
    sent = answer_error(DetailExpiredError("range: too old", "month"), "problem")
    assert isinstance(sent.body, bytes)
    found = error_of(sent.status, PROBLEM, sent.body)
    assert isinstance(found, DetailExpiredError)
    assert (str(found), found.resolution) == ("range: too old", "month")


@pytest.mark.parametrize(
    ("status", "content_type", "body", "kind", "code"),
    [
        (500, PROBLEM, b'{"code": "internal", "detail": "x"}', ClientError, "internal"),
        (500, PROBLEM, b'{"code": "bad_config", "detail": "x"}', ClientError, "bad_config"),
        (404, "text/plain", b"404 page not found", ClientError, "client_error"),
        (418, PROBLEM, b"{", ClientError, "client_error"),
        (418, PROBLEM, b"\xff", ClientError, "client_error"),
        (502, "text/html", b"<html>", ServerUnavailableError, "server_unavailable"),
        (429, PROBLEM, b'{"code": "full"}', ServerUnavailableError, "server_unavailable"),
        (429, PROBLEM, b'{"code": "busy"}', BusyError, "busy"),
        (413, PROBLEM, b'{"code": "too_large"}', TooLargeError, "too_large"),
    ],
)
def test_what_no_class_stands_for_is_told_with_status_and_code(
    status: int, content_type: str, body: bytes, kind: type[PsdError], code: str
) -> None:
    found = error_of(status, content_type, body)
    assert (type(found), found.code) == (kind, code)
    if isinstance(found, ClientError):
        assert (found.status, found.detail) == (status, str(found))
    assert ClientError.code == "client_error"


def test_a_client_waits_twice_as_long_after_each_try_and_as_long_as_it_is_told() -> None:
    retries = Retries()
    assert [retries.wait_s(tried, None, 1.0) for tried in range(1, 6)] == [0.2, 0.4, 0.8, 1.6, None]
    assert retries.wait_s(1, None, 0.0) == 0.1
    assert retries.wait_s(2, 3.0, 1.0) == 3.4
    assert retries.wait_s(1, 31.0, 1.0) is None
    assert Retries(tries_max=99).wait_s(20, None, 1.0) == 5.0
    assert ONCE.wait_s(1, 1.0, 1.0) is None


def test_a_request_in_hand_is_asked_for_until_its_key_must_be_free() -> None:
    away, in_hand = ServerUnavailableError("away"), RequestInHandError("in hand")
    tries = Tries(Retries())
    assert tries.wait_s(away, None, 100.0, 1.0) == 0.2
    since_s = range(101, 101 + 12)
    assert None not in [tries.wait_s(in_hand, 1.0, now_s, 1.0) for now_s in since_s]
    assert tries.wait_s(in_hand, 1.0, 113.0, 1.0) is None
    assert Retries().in_hand_max_s > CLAIM_S, "the server's key outlives the client's patience"
    assert ONCE.wait_s(1, 1.0, 1.0, in_hand_s=0.0) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("1", 1.0), (" 30 ", 30.0), (None, None), ("", None), ("-1", None), ("²", None)],
)
def test_a_retry_after_counts_when_it_is_in_seconds(
    header: str | None, seconds: float | None
) -> None:
    assert told_wait_s(header) == seconds
    assert told_wait_s("Wed, 25 Nov 2026 02:00:00 GMT") is None


def test_a_time_is_what_the_caller_has() -> None:
    noon = dt.datetime(2016, 4, 12, 14, tzinfo=ZoneInfo("Europe/Berlin"))
    text = "2016-04-12T12:00:00Z"
    assert second(noon, "start") == text
    assert second(noon.astimezone(dt.UTC).replace(microsecond=9), "start") == text
    assert second("2016-04-12", "start") == second(dt.date(2016, 4, 12), "start") == "2016-04-12"
    assert second(1460462400, "start") == 1460462400
    assert second(None, "end") is None
    assert compared((noon, "2016-05-01"), "compare_to") == f"{text}/2016-05-01"
    with pytest.raises(BadQueryError, match=r"start: .* has no time zone"):
        second(dt.datetime(2016, 4, 12), "start")  # noqa: DTZ001  (that is the mistake)


def test_a_moment_of_1970_is_sent_so_that_it_cannot_be_read_as_a_date() -> None:
    august = dt.datetime(1970, 8, 22, 8, 6, 52, tzinfo=dt.UTC)
    assert august.timestamp() == 20160412
    assert second(august, "start") == "1970-08-22T08:06:52Z"


@pytest.mark.parametrize(
    ("asked", "is_moving"),
    [
        ("-7d", True),
        ("Yesterday", True),
        ("-7", False),
        ("2016-04-12", False),
        (("-14d", "-7d"), True),
        ("2016-04-12/now", True),
        (None, False),
        (-7, False),
    ],
)
def test_what_moves_from_page_to_page_is_told(asked: Any, is_moving: bool) -> None:
    assert moves(asked) is is_moving


def test_what_stands_in_a_url_is_escaped() -> None:
    assert path_of("v3", "boards", "a/b ?") == "/v3/boards/a%2Fb%20%3F"
    asked = {"thing": ["steps", "cb"], "end": None, "all": True, "note": "a&b"}
    assert parameters(asked) == "?thing=steps&thing=cb&all=true&note=a%26b"
    assert parameters({"end": None}) == ""


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:1155",
        "ftp://host",
        "http://",
        "",
        "http://host:port",
        "http://h:0",
        "http://[::1",
    ],
)
def test_an_address_is_http(url: str) -> None:
    with pytest.raises(BadQueryError, match="url: "):
        Transport(url, "", 1, ONCE)


def test_a_token_stands_in_one_line() -> None:
    with pytest.raises(BadQueryError, match="token: "):
        Transport("http://host", "a\nb", 1, ONCE)


def test_a_batch_ends_with_its_number_or_its_bytes() -> None:
    batch = Batch()
    while batch.has_room(b"{}"):
        batch.add(b"{}")
    assert len(batch.documents) == EVENTS_MAX
    batch = Batch()
    document = b" " * 1000
    while batch.has_room(document):
        batch.add(document)
    assert len(batch.documents) == 999
    assert len(batch.body()) <= BODY_BYTES_MAX
    assert Batch().has_room(b" " * (BODY_BYTES_MAX * 2))
    assert msgspec.json.decode(Batch().body()) == []


async def test_pages_are_asked_for_until_one_has_no_next() -> None:
    class Page(msgspec.Struct):
        next: str | None

    asked: list[str | None] = []

    async def ask(cursor: str | None) -> Page:
        asked.append(cursor)
        return Page({None: "a", "a": "b"}.get(cursor))

    assert [page.next async for page in pages(ask)] == ["a", "b", None]
    assert asked == [None, "a", "b"]


@pytest.mark.parametrize(
    ("own", "theirs"),
    [
        (answers.EventResult, v3_events.Result),
        (answers.EventsAnswer, v3_events.EventOutcomes),
    ],
)
def test_an_answer_has_the_fields_that_the_server_writes(
    own: type[msgspec.Struct], theirs: type[msgspec.Struct]
) -> None:
    def fields(kind: type[msgspec.Struct]) -> list[tuple[str, bool]]:
        return [(each.name, each.required) for each in msgspec.structs.fields(kind)]

    assert fields(own) == fields(theirs)


def public(kind: type) -> dict[str, Callable[..., Any]]:
    return {
        name: method
        for name, method in inspect.getmembers(kind, callable)
        if not name.startswith("_")
    }


@pytest.mark.parametrize(
    ("waiting", "asynchronous"),
    [(Client, AsyncClient), (Boards, AsyncBoards), (Rewards, AsyncRewards)],
)
def test_the_client_that_waits_has_every_method(waiting: type, asynchronous: type) -> None:
    own, theirs = public(waiting), public(asynchronous)
    assert own.keys() == theirs.keys()
    for name in own.keys() - {"close"}:
        assert own[name].__doc__ == theirs[name].__doc__
        assert inspect.signature(own[name]) == inspect.signature(theirs[name])


async def test_events_may_come_as_they_are_made() -> None:
    sent: list[bytes] = []

    class Recording(AsyncClient):
        async def _book(self, batch: Batch, key: str) -> answers.EventsAnswer:
            sent.append(batch.body())
            results = [answers.EventResult(at, "booked") for at in range(len(batch.documents))]
            return answers.EventsAnswer(results, {"booked": len(results)})

    async def events() -> AsyncIterator[dict[str, int]]:
        for uid in range(EVENTS_MAX + 2):
            yield {"uid": uid}

    client = Recording("http://host")
    answer = await client.events(events())
    assert answer.summary == {"booked": EVENTS_MAX + 2}
    assert [result.index for result in answer.data] == list(range(EVENTS_MAX + 2))
    assert [len(msgspec.json.decode(body)) for body in sent] == [EVENTS_MAX, 2]
    assert await client.events([b'{"uid":1}']) == answers.EventsAnswer(
        [answers.EventResult(0, "booked")], {"booked": 1}
    )
    assert sent[-1] == b'[{"uid":1}]'


def test_known_errors_are_those_that_say_something_of_the_question() -> None:
    assert KINDS["store_unavailable"] is StoreUnavailableError
    assert KINDS["forbidden"] is ForbiddenError
    assert {"internal", "client_error", "bad_config", "detail_expired"}.isdisjoint(KINDS)


def test_a_closed_client_says_so() -> None:
    client = Client("http://host")
    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.top("steps")
