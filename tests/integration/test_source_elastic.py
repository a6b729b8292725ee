"""Activity from Elasticsearch: over real sockets, from a fake that aggregates, and a live server.

With ``PSD_TEST_ES_URL`` set, what is asked of both servers is asked of the live one too.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import elasticsearch
import pytest
from msgspec.structs import replace

from psd.errors import ConfigError, SourceError, SourceUnavailableError
from psd.rewards.shards import by_shard, shard_of
from psd.rewards.sources.elastic import ElasticSettings, ElasticSource, Subjects
from psd.rewards.sources.elastic_request import SIGNALS, page_request
from psd.rewards.tables import load_tables
from psd.rewards.weeks import bounds
from tests.support.elastic_server import (
    AUTOPI,
    SMARTCAR,
    Document,
    FakeElastic,
    Fault,
    LiveElastic,
    fresh_index,
    status_document,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "rewards.json").read_text("utf-8"))
LIVE_URL = os.environ.get("PSD_TEST_ES_URL", "")
TABLES = load_tables()
SMARTCAR_BIT, AUTOPI_BIT = TABLES.mask(["Smartcar"]), TABLES.mask(["AutoPi"])
WEEK = 5
INSIDE = "2022-03-09T12:00:00Z"

Server = FakeElastic | LiveElastic


@pytest.fixture(params=["fake", *(["live"] if LIVE_URL else [])])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    async with FakeElastic() if request.param == "fake" else LiveElastic(LIVE_URL) as started:
        yield started


@pytest.fixture
async def fake() -> AsyncIterator[FakeElastic]:
    async with FakeElastic() as started:
        await started.load("status", [document("7")])
        yield started


class Waits:
    """Sleeps in no time, and remembers how long it would have been."""

    def __init__(self) -> None:
        self.waits_s: list[float] = []

    async def __call__(self, wait_s: float) -> None:
        self.waits_s.append(wait_s)


class Asked:
    """A source over one server and index, and what became of its waits."""

    def __init__(self, url: str, index: str = "status", **settings: Any) -> None:
        subjects: Subjects | None = settings.pop("subjects", None)
        self.sleep = Waits()
        self.source = ElasticSource(
            ElasticSettings(url, index, **settings), TABLES, subjects, self.sleep
        )

    async def __aenter__(self) -> Asked:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.source.close()

    async def masks(self, week: int = WEEK) -> dict[int, int]:
        """Everybody who was active, over all shards."""
        await self.source.begin(bounds(week))
        found: dict[int, int] = {}
        for shard in range(4096):
            found |= await self.source.active(shard, [])
        return found


def document(subject: str, source: str = AUTOPI, time: str = INSIDE, **data: Any) -> Document:
    return status_document(subject, source, time, data or None)


async def masks_of(server: Server, documents: Iterable[Document], week: int = WEEK) -> Any:
    index = fresh_index()
    await server.load(index, documents)
    async with Asked(server.url, index) as asked:
        return await asked.masks(week)


async def test_a_vehicle_is_active_on_every_integration_that_reported_for_it(
    server: Server,
) -> None:
    documents = [document("7"), document("7", SMARTCAR), document("7"), document("8", SMARTCAR)]
    assert await masks_of(server, documents) == {7: AUTOPI_BIT | SMARTCAR_BIT, 8: SMARTCAR_BIT}


async def test_vehicles_are_told_in_their_own_shard_alone(server: Server) -> None:
    index = fresh_index()
    await server.load(index, [document(str(vehicle)) for vehicle in range(1, 21)])
    async with Asked(server.url, index) as asked:
        await asked.source.begin(bounds(WEEK))
        for shard, vehicles in by_shard(range(1, 21)).items():
            assert set(await asked.source.active(shard, vehicles)) == set(vehicles)
        empty = shard_of(1) ^ 1
        assert empty in by_shard(range(1, 21)) or await asked.source.active(empty, []) == {}


@pytest.mark.parametrize("case", GOLDEN["activity_bounds"], ids=lambda case: case["t"])
async def test_a_week_begins_with_its_first_second_and_ends_before_its_last(
    server: Server, case: dict[str, Any]
) -> None:
    found = await masks_of(server, [document("7", time=case["t"])], case["week"])
    assert (7 in found) == case["inside"]


async def test_each_recorded_signal_is_activity(server: Server) -> None:
    documents = []
    for number, signal in enumerate(SIGNALS):
        *above, field = signal.split(".")
        value: Any = {above[0]: {field: 0}} if above else {field: 0}
        documents.append(status_document(str(number), AUTOPI, INSIDE, value))
    assert set(await masks_of(server, documents)) == set(range(18))


async def test_documents_without_a_recorded_signal_are_no_activity(server: Server) -> None:
    nothing = [{"vin": "x"}, {"longitude": 4.2}, {"speed": None}, {"tires": {"backLeft": 2}}]
    documents = [status_document("7", AUTOPI, INSIDE, data) for data in nothing]
    assert await masks_of(server, documents) == {}


@pytest.mark.parametrize("subjects", [99, 100, 101, 250])
async def test_every_page_is_read(server: Server, subjects: int) -> None:
    found = await masks_of(server, [document(str(number)) for number in range(subjects)])
    assert found == dict.fromkeys(range(subjects), AUTOPI_BIT)


async def test_sources_that_the_page_leaves_out_are_asked_for_again(server: Server) -> None:
    crowd = [document("7", f"dimo/integration/other{number:02}") for number in range(12)]
    documents = [*crowd, *crowd, document("7"), document("8"), document("7", SMARTCAR)]
    assert await masks_of(server, documents) == {7: AUTOPI_BIT | SMARTCAR_BIT, 8: AUTOPI_BIT}


async def test_unknown_sources_and_subjects_are_counted_and_earn_nothing(server: Server) -> None:
    index = fresh_index()
    strange = [document("9", source) for source in ("AutoPi", "dimo/integration/x", "else")]
    unknown = [document("2JvDHsrVbDGWXHaVJXTX6jqXZ2x"), document("07")]
    await server.load(index, [*strange, *unknown, document("7")])
    async with Asked(server.url, index) as asked:
        assert await asked.masks() == {7: AUTOPI_BIT}
        assert (asked.source.ignored_sources, asked.source.unknown_subjects) == (3, 2)
        assert await asked.masks(6) == {}
        assert (asked.source.ignored_sources, asked.source.unknown_subjects) == (0, 0)


async def test_subjects_that_are_one_vehicle_are_added_up(server: Server) -> None:
    class Registry:
        async def vehicles_of(self, subjects: Any) -> dict[str, int]:
            return {"old": 7, "new": 7}

    index = fresh_index()
    await server.load(index, [document("old"), document("new", SMARTCAR), document("7")])
    async with Asked(server.url, index, subjects=Registry()) as asked:
        assert await asked.masks() == {7: AUTOPI_BIT | SMARTCAR_BIT}
        assert asked.source.unknown_subjects == 1


async def test_an_index_that_is_not_there_is_named(server: Server) -> None:
    async with Asked(server.url, "psd-test-none") as asked:
        with pytest.raises(SourceError, match=r"psd-test-none/_search: status 404.*_index"):
            await asked.masks()


async def test_an_alias_is_the_integration_itself(fake: FakeElastic) -> None:
    first = TABLES.integrations[0]
    aliased = replace(TABLES, integrations=(replace(first, aliases=("22N2x",)),))
    await fake.load("status", [document("8", "dimo/integration/22N2x")])
    source = ElasticSource(ElasticSettings(fake.url, "status"), aliased)
    await source.begin(bounds(WEEK))
    assert await source.active(shard_of(8), [8]) == {8: 1 << first.id}
    await source.close()


async def test_the_recorded_requests_are_what_arrives(fake: FakeElastic) -> None:
    await fake.load("status", [document(str(number)) for number in range(100, 250)])
    async with Asked(fake.url) as asked:
        await asked.masks()
    week = bounds(WEEK)
    pages = [page_request(week, {"subject": after} if after else None) for after in ("", "199")]
    assert fake.requests[:2] == pages
    assert [set(each) for each in fake.requests] == [{"query", "aggs", "size"}] * 3
    assert fake.requests[2] == page_request(week, {"subject": "7"})


@pytest.mark.parametrize(
    ("major", "spoken"), [(8, ["8", "8"]), (9, ["8", "8"]), (10, ["8", "9", "9"])]
)
async def test_the_media_types_are_those_that_the_server_reads(
    fake: FakeElastic, major: int, spoken: list[str]
) -> None:
    fake.major = major
    async with Asked(fake.url) as asked:
        assert await asked.masks() == {7: AUTOPI_BIT}
        assert asked.sleep.waits_s == []
    kinds = [f"application/vnd.elasticsearch+json; compatible-with={each}" for each in spoken]
    assert [each["Accept"] for each in fake.headers] == kinds
    assert [each["Content-Type"] for each in fake.headers] == kinds


async def test_the_client_by_itself_does_not_fit_a_server_of_the_version_before(
    fake: FakeElastic,
) -> None:
    fake.major = elasticsearch.__version__[0] - 1
    async with elasticsearch.AsyncElasticsearch(fake.url, max_retries=0) as client:
        with pytest.raises(elasticsearch.ApiError, match=r"media_type_header|not supported"):
            await client.search(index="status", size=0)


@pytest.mark.parametrize(("major", "status"), [(7, 406), (11, 400)])
async def test_a_server_that_reads_neither_is_told_apart_with_the_versions_that_fit(
    fake: FakeElastic, major: int, status: int
) -> None:
    fake.major = major
    async with Asked(fake.url) as asked:
        with pytest.raises(SourceError, match=rf"status {status}.*8 and 9.*>=8\.15,<9"):
            await asked.masks()
    assert len(fake.headers) == 2


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_busy_server_is_asked_again_with_doubling_waits(
    fake: FakeElastic, status: int
) -> None:
    fake.faults.extend([Fault(status=status)] * 4)
    async with Asked(fake.url) as asked:
        assert await asked.masks() == {7: AUTOPI_BIT}
        assert asked.sleep.waits_s == [1, 2, 4, 8]


async def test_a_server_that_stays_busy_is_unavailable_after_five_tries(
    fake: FakeElastic,
) -> None:
    fake.faults.extend([Fault(status=503, reason="full")] * 9)
    async with Asked(fake.url) as asked:
        with pytest.raises(SourceUnavailableError, match=r"503: made_exception: full.*5 tries"):
            await asked.masks()
        assert asked.sleep.waits_s == [1, 2, 4, 8]
    assert len(fake.requests) == 5


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [("7", 7), ("0", 0), ("9999", 60), ("Wed, 21 Oct 2026 07:28:00 GMT", 1), ("-3", 1)],
)
async def test_a_server_may_say_when_to_ask_again(
    fake: FakeElastic, header: str, wait_s: float
) -> None:
    fake.faults.append(Fault(status=429, headers={"Retry-After": header}))
    async with Asked(fake.url) as asked:
        assert await asked.masks() == {7: AUTOPI_BIT}
        assert asked.sleep.waits_s == [wait_s]


async def test_a_page_in_the_middle_is_tried_again_by_itself(fake: FakeElastic) -> None:
    await fake.load("status", [document(str(number)) for number in range(100, 250)])
    async with Asked(fake.url) as asked:
        whole = await asked.masks()
        fake.requests.clear()
        fake.faults.extend([Fault(), Fault(status=503), Fault(hang_up=True)])
        assert await asked.masks() == whole
    assert fake.requests[1] == fake.requests[2] == fake.requests[3]
    assert len(fake.requests) == 5


async def test_an_answer_that_breaks_off_is_asked_for_again(fake: FakeElastic) -> None:
    fake.faults.append(Fault(hang_up=True))
    async with Asked(fake.url) as asked:
        assert await asked.masks() == {7: AUTOPI_BIT}
        assert asked.sleep.waits_s == [1]


async def test_a_silent_server_is_unavailable_after_its_tries(fake: FakeElastic) -> None:
    fake.faults.extend([Fault(silent=True)] * 2)
    async with Asked(fake.url, timeout_s=0.1, attempts_max=2) as asked:
        with pytest.raises(SourceUnavailableError, match=r"no answer within 0.1 s.*2 tries"):
            await asked.masks()
        assert asked.sleep.waits_s == [1]


async def test_a_refused_connection_is_unavailable_and_names_the_address() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{reserved.getsockname()[1]}"
        async with Asked(f"http://psd:sesame@{address}") as asked:
            with pytest.raises(SourceUnavailableError, match="no connection") as caught:
                await asked.masks()
    assert address in str(caught.value)
    assert "sesame" not in str(caught.value)
    assert asked.sleep.waits_s == [1, 2, 4, 8]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(cut=True), "cut off or no JSON"),
        (Fault(body=b"<html>"), "cut off or no JSON"),
        (Fault(body=b"[]"), "not that of a search"),
        (Fault(body=b"{}"), "not that of a search"),
        (Fault(status=400), "recorded request"),
        (Fault(status=401), "elasticsearch_api_key"),
        (Fault(status=403), "privilege `read`"),
        (Fault(status=500), "server's log"),
    ],
)
async def test_an_answer_that_no_patience_mends_is_an_error_at_once(
    fake: FakeElastic, fault: Fault, words: str
) -> None:
    fake.faults.append(fault)
    async with Asked(fake.url) as asked:
        with pytest.raises(SourceError, match=f"/status/_search: .*{words}"):
            await asked.masks()
        assert asked.sleep.waits_s == []


@pytest.mark.parametrize(
    "change",
    [{"timed_out": True}, {"_shards": {"total": 2, "successful": 1, "skipped": 0, "failed": 1}}],
)
async def test_an_answer_of_a_part_of_the_cluster_is_an_error(
    fake: FakeElastic, change: dict[str, Any]
) -> None:
    fake.changes = change
    async with Asked(fake.url) as asked:
        with pytest.raises(SourceError, match="partial"):
            await asked.masks()


async def test_what_is_no_elasticsearch_is_told_so(fake: FakeElastic) -> None:
    fake.product = False
    async with Asked(fake.url) as asked:
        with pytest.raises(SourceError, match="no Elasticsearch"):
            await asked.masks()


async def test_nothing_can_be_asked_after_a_week_that_could_not_be_read(
    fake: FakeElastic,
) -> None:
    async with Asked(fake.url) as asked:
        assert await asked.masks() == {7: AUTOPI_BIT}
        fake.faults.append(Fault(status=500))
        with pytest.raises(SourceError):
            await asked.masks()
        with pytest.raises(AssertionError):
            await asked.source.active(shard_of(7), [7])


async def test_pages_that_stand_still_are_an_error(fake: FakeElastic) -> None:
    page = {"active_devices": {"buckets": [], "after_key": {"subject": "7"}}}
    fake.changes = {"aggregations": page}
    async with Asked(fake.url) as asked:
        with pytest.raises(SourceError, match="stand still"):
            await asked.masks()


async def test_a_subject_with_more_sources_than_can_be_listed_is_an_error(
    fake: FakeElastic,
) -> None:
    await fake.load("status", [document("8", f"source{number}") for number in range(1001)])
    async with Asked(fake.url) as asked:
        with pytest.raises(SourceError, match="subject '8' has more than 1000 sources"):
            await asked.masks()


async def test_a_key_is_sent_and_a_wrong_one_refused(fake: FakeElastic) -> None:
    fake.api_key = "right"
    async with Asked(fake.url, api_key="right") as asked:
        assert await asked.masks() == {7: AUTOPI_BIT}
    async with Asked(fake.url, api_key="wrong") as asked:
        with pytest.raises(SourceError, match="401: security_exception"):
            await asked.masks()


async def test_user_and_password_of_the_url_are_sent(fake: FakeElastic) -> None:
    async with Asked(fake.url.replace("http://", "http://psd:p%40ss@")) as asked:
        await asked.masks()
    assert fake.headers[0]["Authorization"] == "Basic cHNkOnBAc3M="


@pytest.mark.parametrize(
    ("url", "index", "api_key", "field"),
    [
        ("localhost:9200", "status", "", "elasticsearch_url"),
        ("ftp://localhost", "status", "", "elasticsearch_url"),
        ("http://", "status", "", "elasticsearch_url"),
        ("http://localhost:port", "status", "", "elasticsearch_url"),
        ("http://local host", "status", "", "elasticsearch_url"),
        ("http://local..host", "status", "", "elasticsearch_url"),
        ("http://psd:sesame%0a@localhost", "status", "", "elasticsearch_url"),
        ("http://localhost", "status", "sesame\n", "elasticsearch_api_key"),
        ("http://psd:12/sesame@localhost", "status", "", "elasticsearch_url"),
        ("http://psd:sesame/2@localhost", "status", "", "elasticsearch_url"),
        ("http://localhost?pretty", "status", "", "elasticsearch_url"),
        ("http://localhost", "", "", "elasticsearch_index"),
        ("http://psd:sesame@localhost", "status", "key", "elasticsearch_api_key"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(
    url: str, index: str, api_key: str, field: str
) -> None:
    with pytest.raises(ConfigError, match=f"rewards.{field}") as caught:
        ElasticSource(ElasticSettings(url, index, api_key), TABLES)
    assert "sesame" not in str(caught.value)


def test_a_missing_client_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ConfigError, match=r"install psd\[rewards\]"):
        ElasticSource(ElasticSettings("http://localhost", "status"), TABLES)


@pytest.mark.parametrize("version", [(7, 17, 9), (8, 14, 0), (10, 0, 0)])
def test_a_client_of_another_version_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int]
) -> None:
    monkeypatch.setattr(elasticsearch, "__version__", version)
    with pytest.raises(ConfigError, match=r"8\.15 up to but not including 10"):
        ElasticSource(ElasticSettings("http://localhost", "status"), TABLES)


def test_the_client_is_imported_only_when_a_source_is_made() -> None:
    code = "import sys, psd.rewards.sources.elastic; print('elasticsearch' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "False\n"
