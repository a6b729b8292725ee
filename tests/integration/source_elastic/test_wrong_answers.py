"""An answer of Elasticsearch that no patience mends is an error at once."""

from __future__ import annotations

from typing import Any

import pytest

from psd.errors import SourceError
from psd.rewards.shards import shard_of
from tests.support.elastic_server import FakeElastic, Fault
from tests.support.elastic_source import AUTOPI_BIT, Asked, Server, document


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
