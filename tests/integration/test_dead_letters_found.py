"""A look at a dead letter without any asks nsqd how many there are, and waits for none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from psd.config import QueueSettings, RedisSettings, Settings
from psd.errors import QueueUnavailableError, WrongTypeError
from psd.operations.dead_letters import LetterDesk
from psd.queue import nsq_depth, nsq_stats
from psd.queue.deadletter import DeadLetters, letter_of
from psd.queue.interface import Message
from psd.queue.nsq_queue import NsqQueue
from psd.runtime import Runtime, open_runtime
from tests.support.servers.nsqd import Nsqd, Nsqlookupd
from tests.support.waiting import wait_until

pytestmark = pytest.mark.one_server("what is asked is the queue")

TOPIC = "psd.dlq"


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nsq_depth, "KEPT_S", 0.0)
    monkeypatch.setattr(nsq_stats, "STATS_TIMEOUT_S", 30.0)


@pytest.fixture
def lookupd(tmp_path: Path) -> Iterator[Nsqlookupd]:
    with Nsqlookupd(tmp_path) as running:
        yield running


@pytest.fixture
def nsqds(tmp_path: Path, lookupd: Nsqlookupd) -> Iterator[list[Nsqd]]:
    address = "-broadcast-address=127.0.0.1"
    first = Nsqd(tmp_path, [address], lookupds=[lookupd])
    second = Nsqd(tmp_path, [address], lookupds=[lookupd])
    with first, second:
        yield [first, second]


@pytest.fixture
async def found_by_lookupd(redis_url: str, lookupd: Nsqlookupd) -> AsyncIterator[Runtime]:
    queue = QueueSettings(lookupd_addresses=(f"127.0.0.1:{lookupd.http_port}",))
    runtime = await open_runtime(
        Settings(redis=RedisSettings(url=redis_url, durability="fast"), queue=queue)
    )
    yield runtime
    await runtime.close()


@pytest.fixture
def opened(found_by_lookupd: Runtime, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Topics that are read from here on, which takes its time where nothing comes."""
    topics: list[str] = []
    made = found_by_lookupd.new_queue

    def noted(topic: str, *more: Any, **options: Any) -> Any:
        topics.append(topic)
        return made(topic, *more, **options)

    monkeypatch.setattr(found_by_lookupd, "new_queue", noted)
    return topics


async def bury(nsqd: Nsqd) -> None:
    queue = NsqQueue(QueueSettings(nsqd_addresses=(nsqd.address,)))
    letter = letter_of(Message("m1", b"{}", 1, 0), "psd", WrongTypeError("no"), 1_460_419_200)
    try:
        await DeadLetters(queue, TOPIC).put([letter])
    finally:
        await queue.close()


async def test_where_no_nsqd_has_the_topic_nothing_is_read(
    found_by_lookupd: Runtime, nsqds: list[Nsqd], opened: list[str]
) -> None:
    assert len(nsqds) == 2
    found = await LetterDesk(found_by_lookupd).look(100)
    assert (found.letters, found.away, opened) == ([], "", [])


async def test_where_all_that_nsqlookupd_names_have_none_nothing_is_read_and_where_one_has_it_is(
    found_by_lookupd: Runtime, nsqds: list[Nsqd], opened: list[str]
) -> None:
    desk = LetterDesk(found_by_lookupd)
    for nsqd in nsqds:
        await bury(nsqd)

    async def is_gone() -> bool:
        await desk.drop()
        return (await desk.look(100)).letters == []

    await wait_until("it is gone", is_gone)
    opened.clear()
    assert ((await desk.look(100)).letters, opened) == ([], [])
    await bury(nsqds[1])
    [letter] = (await desk.look(100)).letters
    assert (letter.id, opened) == ("m1", [TOPIC])


async def test_an_nsqd_that_is_named_and_does_not_answer_may_have_some(
    found_by_lookupd: Runtime, nsqds: list[Nsqd], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(nsqds) == 2
    settings = found_by_lookupd.settings
    queue = msgspec.structs.replace(settings.queue, nsqd_http_addresses=("127.0.0.1:1",))
    found_by_lookupd.settings = msgspec.structs.replace(settings, queue=queue)

    def refused(*_: object, **__: object) -> None:
        raise QueueUnavailableError("it is read")

    monkeypatch.setattr(found_by_lookupd, "new_queue", refused)
    with pytest.raises(QueueUnavailableError, match="it is read"):
        await LetterDesk(found_by_lookupd).look(100)
