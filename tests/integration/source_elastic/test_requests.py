"""What arrives at Elasticsearch: the recorded requests, media types that it reads, credentials."""

from __future__ import annotations

import elasticsearch
import pytest

from psd.errors import SourceError
from psd.rewards.sources.elastic_request import page_request
from psd.rewards.weeks import bounds
from tests.support.rewards.elastic_source import AUTOPI_BIT, WEEK, Asked, document
from tests.support.servers.elastic_server import FakeElastic


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
