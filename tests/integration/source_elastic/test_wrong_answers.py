"""An answer of Elasticsearch that no patience mends is an error at once."""

from __future__ import annotations

from typing import Any

import pytest

from psd.errors import SourceError
from psd.rewards.shards import shard_of
from tests.support.rewards.elastic_source import AUTOPI_BIT, SMARTCAR_BIT, Asked, Server, document
from tests.support.servers.elastic_server import AUTOPI, SMARTCAR, FakeElastic, Fault


async def test_an_index_that_is_not_there_is_named(server: Server) -> None:
    async with Asked(server.url, "psd-test-none") as asked:
        with pytest.raises(SourceError, match=r"psd-test-none/_search: status 404.*_index"):
            await asked.masks()


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


def shards(**counts: int) -> dict[str, Any]:
    return {"_shards": {"total": 6, "successful": 6, "skipped": 0, "failed": 0, **counts}}


def clusters(details: dict[str, Any] | None = None, **counts: int) -> dict[str, Any]:
    known = {"total": 2, "successful": 2, "skipped": 0, **counts}
    return {"_clusters": known if details is None else {**known, "details": details}}


WHOLE_CLUSTER = {"status": "successful", "indices": "status", "timed_out": False, "took": 3}

PARTS = {
    "its time was up": {"timed_out": True},
    "it ended early": {"terminated_early": True},
    "a shard failed": shards(successful=5, failed=1),
    "a shard has no copy": shards(successful=5),
    "a cluster was skipped": clusters(successful=1, skipped=1),
    "a cluster is partial": clusters(successful=1, partial=1),
    "a cluster still runs": clusters(successful=1, running=1),
    "a cluster failed": clusters(successful=1, failed=1),
    "a cluster did not answer": clusters(successful=1),
    "a cluster is told of as skipped": clusters(
        {"(local)": WHOLE_CLUSTER, "eu": {**WHOLE_CLUSTER, "status": "skipped"}}
    ),
    "the time of a cluster was up": clusters(
        {"(local)": WHOLE_CLUSTER, "eu": {**WHOLE_CLUSTER, "timed_out": True}}
    ),
    "an asynchronous search goes on": {"is_partial": True, "is_running": True},
}


@pytest.mark.parametrize("change", PARTS.values(), ids=PARTS)
async def test_an_answer_of_a_part_of_the_cluster_is_an_error(
    fake: FakeElastic, change: dict[str, Any]
) -> None:
    fake.changes = change
    async with Asked(fake.url) as asked:
        with pytest.raises(SourceError, match="partial"):
            await asked.masks()
        assert asked.sleep.waits_s == []


@pytest.mark.parametrize("change", PARTS.values(), ids=PARTS)
async def test_a_second_page_that_is_a_part_is_an_error_too(
    fake: FakeElastic, change: dict[str, Any]
) -> None:
    await fake.load("status", [document(str(number)) for number in range(150)])
    fake.changes_of = lambda number: change if number else {}
    async with Asked(fake.url) as asked:
        with pytest.raises(SourceError, match="partial"):
            await asked.masks()
        assert len(fake.requests) == 2


WHOLES = {
    "shards that cannot hold the week were skipped": shards(skipped=4),
    "it did not end early": {"terminated_early": False},
    "all clusters answered": clusters({"(local)": WHOLE_CLUSTER, "eu": WHOLE_CLUSTER}),
    "an older server counts clusters": clusters(),
}


@pytest.mark.parametrize("change", WHOLES.values(), ids=WHOLES)
async def test_an_answer_that_is_whole_is_taken(fake: FakeElastic, change: dict[str, Any]) -> None:
    fake.changes = change
    async with Asked(fake.url) as asked:
        assert await asked.masks() == {7: AUTOPI_BIT}


def page(*subjects: str, after: str | None) -> dict[str, Any]:
    sources = {
        "buckets": [{"key": AUTOPI, "doc_count": 1}],
        "sum_other_doc_count": 0,
        "doc_count_error_upper_bound": 0,
    }
    buckets = [
        {"key": {"subject": subject}, "doc_count": 1, "integrations": sources}
        for subject in subjects
    ]
    told = {} if after is None else {"after_key": {"subject": after}}
    return {"aggregations": {"active_devices": {"buckets": buckets, **told}}}


@pytest.mark.parametrize("after", [None, "9", ""])
async def test_a_page_that_does_not_end_where_it_says_lacks_subjects(
    fake: FakeElastic, after: str | None
) -> None:
    fake.changes = page("7", "8", after=after)
    async with Asked(fake.url) as asked:
        with pytest.raises(SourceError, match="subjects are missing"):
            await asked.masks()


async def test_pages_that_go_round_are_an_error(fake: FakeElastic) -> None:
    """Not only the last page may come again."""
    round_of_three = [page("7", after="7"), page("8", after="8"), page("9", after="9")]
    fake.changes_of = lambda number: round_of_three[number % 3]
    async with Asked(fake.url) as asked:
        with pytest.raises(SourceError, match="stand still"):
            await asked.masks()
        assert len(fake.requests) == 4


async def test_sources_whose_counts_may_be_wrong_are_asked_for_again(fake: FakeElastic) -> None:
    """A shard that did not list a source may have had it."""
    unsure = page("7", after="7")
    [bucket] = unsure["aggregations"]["active_devices"]["buckets"]
    bucket["integrations"]["doc_count_error_upper_bound"] = 3
    end = {"aggregations": {"active_devices": {"buckets": []}}}
    both = {"buckets": [{"key": AUTOPI}, {"key": SMARTCAR}], "sum_other_doc_count": 0}
    answers = [unsure, {"aggregations": {"integrations": both}}, end]
    fake.changes_of = lambda number: answers[number]
    async with Asked(fake.url) as asked:
        assert await asked.masks() == {7: AUTOPI_BIT | SMARTCAR_BIT}
    answers[1] = {"aggregations": {"integrations": {**both, "doc_count_error_upper_bound": 1}}}
    fake.requests.clear()
    async with Asked(fake.url) as asked:
        with pytest.raises(SourceError, match="none may be left out"):
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
