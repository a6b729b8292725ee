"""Several nsqd: how RDY is spread over them, and how nsqlookupd finds them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from psd.errors import QueueUnavailableError
from psd.queue.nsq_lookup import look_up
from psd.queue.nsq_queue import NsqQueue
from tests.support.processes.nsq_consumers import CHANNEL, TOPIC, bodies, consuming, receive_all
from tests.support.servers.nsqd import Nsqd, Nsqlookupd
from tests.support.waiting import wait_until


@pytest.fixture
def two_nsqd(tmp_path: Path) -> Iterator[tuple[Nsqd, Nsqd]]:
    with Nsqd(tmp_path) as first, Nsqd(tmp_path) as second:
        for each in (first, second):
            each.create_channel(TOPIC, CHANNEL)
        yield first, second


def ready_total(*nsqds: Nsqd) -> list[int]:
    return [count for each in nsqds for count in each.ready_counts(TOPIC, CHANNEL)]


async def test_max_in_flight_is_shared_by_two_nsqd(two_nsqd: tuple[Nsqd, Nsqd]) -> None:
    async with consuming(*two_nsqd, max_in_flight=11):
        await wait_until("both have a share", lambda: sorted(ready_total(*two_nsqd)) == [5, 6])


async def test_the_share_of_a_lost_nsqd_goes_to_the_other_and_returns(
    two_nsqd: tuple[Nsqd, Nsqd],
) -> None:
    first, second = two_nsqd
    async with consuming(first, second, max_in_flight=10):
        await wait_until("both have a share", lambda: ready_total(first, second) == [5, 5])
        await asyncio.to_thread(first.stop)
        await wait_until("one has all of it", lambda: ready_total(second) == [10])
        await asyncio.to_thread(first.start)
        await wait_until("both have a share", lambda: ready_total(first, second) == [5, 5])


async def test_messages_of_all_nsqd_arrive_and_are_finished_where_they_came_from(
    two_nsqd: tuple[Nsqd, Nsqd],
) -> None:
    first, second = two_nsqd
    first.publish(TOPIC, [b"a%d" % number for number in range(100)])
    second.publish(TOPIC, [b"b%d" % number for number in range(100)])
    async with consuming(first, second, max_in_flight=200) as queue:
        messages = await receive_all(queue, 200)
        assert {body[:1] for body in bodies(messages)} == {b"a", b"b"}
        await queue.finish(messages)
        for each in two_nsqd:
            await wait_until(
                "it has nothing left", lambda each=each: each.depth(TOPIC, CHANNEL) == 0
            )


async def test_one_in_flight_over_two_nsqd_serves_both_in_turns(
    two_nsqd: tuple[Nsqd, Nsqd],
) -> None:
    first, second = two_nsqd
    async with consuming(first, second, max_in_flight=1) as queue:
        assert sum(ready_total(first, second)) <= 1
        first.publish(TOPIC, [b"a"])
        second.publish(TOPIC, [b"b"])
        received = set()
        for _ in range(2):
            messages = await receive_all(queue, 1)
            received.update(bodies(messages))
            await queue.finish(messages)
        assert received == {b"a", b"b"}


async def test_no_nsqd_is_asked_for_more_than_its_own_limit(tmp_path: Path) -> None:
    with Nsqd(tmp_path, ["-max-rdy-count=7"]) as nsqd:
        async with consuming(nsqd, max_in_flight=100):
            await wait_until("RDY is 7", lambda: nsqd.ready_counts(TOPIC, CHANNEL) == [7])


async def test_an_nsqd_that_appears_later_is_found(tmp_path: Path) -> None:
    with ExitStack() as stack:
        lookupd = stack.enter_context(Nsqlookupd(tmp_path))
        first = stack.enter_context(Nsqd(tmp_path, lookupds=[lookupd]))
        first.create_channel(TOPIC, CHANNEL)
        settings = {"nsqd_addresses": (), "lookupd_addresses": (lookupd.http_address,)}
        await wait_until(
            "nsqlookupd lists it",
            lambda: look_up(lookupd.http_address, TOPIC),
        )
        async with consuming(max_in_flight=10, **settings) as queue:
            assert queue.connected == [first.address]
            second = stack.enter_context(Nsqd(tmp_path, lookupds=[lookupd]))
            second.publish(TOPIC, [b"from the second"])
            assert bodies(await receive_all(queue, 1)) == [b"from the second"]
            assert ready_total(first, second) == [5, 5]


async def test_a_topic_that_nobody_has_yet_is_found_when_it_is_first_published(
    tmp_path: Path,
) -> None:
    with Nsqlookupd(tmp_path) as lookupd, Nsqd(tmp_path, lookupds=[lookupd]) as nsqd:
        settings = {"nsqd_addresses": (), "lookupd_addresses": (lookupd.http_address,)}
        async with consuming(**settings) as queue:
            assert queue.connected == []
            nsqd.publish(TOPIC, [b"first"])
            assert bodies(await receive_all(queue, 1)) == [b"first"]


async def test_all_nsqlookupd_are_asked_and_one_that_is_away_harms_nobody(tmp_path: Path) -> None:
    with ExitStack() as stack:
        away = Nsqlookupd(tmp_path)
        lookupds = [stack.enter_context(Nsqlookupd(tmp_path)) for _ in range(2)]
        nsqds = [stack.enter_context(Nsqd(tmp_path, lookupds=[each])) for each in lookupds]
        for number, nsqd in enumerate(nsqds):
            nsqd.publish(TOPIC, [b"%d" % number])
        addresses = tuple(each.http_address for each in (away, *lookupds))
        async with consuming(nsqd_addresses=(), lookupd_addresses=addresses) as queue:
            assert bodies(await receive_all(queue, 2)) == [b"0", b"1"]


@pytest.mark.timed("it consumes again within 2 s")
async def test_an_nsqd_found_by_nsqlookupd_is_consumed_again_within_2_s_of_its_restart(
    tmp_path: Path,
) -> None:
    with Nsqlookupd(tmp_path) as lookupd, Nsqd(tmp_path, lookupds=[lookupd]) as nsqd:
        nsqd.publish(TOPIC, [b"before"])
        settings = {"nsqd_addresses": (), "lookupd_addresses": (lookupd.http_address,)}
        async with consuming(**settings) as queue:
            await queue.finish(await receive_all(queue, 1))
            await wait_until("nothing is left", lambda: nsqd.depth(TOPIC, CHANNEL) == 0)
            await asyncio.to_thread(nsqd.stop)

            # An nsqd that is down is not listed; the consumer must not have forgotten it.
            async def is_unlisted() -> bool:
                return not await look_up(lookupd.http_address, TOPIC)

            await wait_until("it is not listed", is_unlisted)
            await asyncio.to_thread(nsqd.start)
            nsqd.publish(TOPIC, [b"after"])
            assert bodies(await receive_all(queue, 1, timeout_s=2)) == [b"after"]


async def test_publishing_needs_no_given_address_where_nsqlookupd_lists_one(
    tmp_path: Path,
) -> None:
    with Nsqlookupd(tmp_path) as lookupd, Nsqd(tmp_path, lookupds=[lookupd]) as nsqd:
        nsqd.publish(TOPIC, [b"found"])
        settings = {"nsqd_addresses": (), "lookupd_addresses": (lookupd.http_address,)}
        async with consuming(**settings) as queue:
            await queue.finish(await receive_all(queue, 1))
            await queue.publish(TOPIC, [b"published"])
            assert bodies(await receive_all(queue, 1)) == [b"published"]


async def test_an_nsqd_with_an_impossible_address_harms_nobody(
    two_nsqd: tuple[Nsqd, Nsqd],
) -> None:
    first, _ = two_nsqd
    impossible = (f"{'x' * 64}.example:4150", "127.0.0.1:99999")
    async with consuming(nsqd_addresses=(*impossible, first.address)) as queue:
        assert queue.connected == [first.address]


async def test_what_is_no_nsqlookupd_is_unavailable(tmp_path: Path) -> None:
    with Nsqd(tmp_path) as nsqd:
        for address in (nsqd.address, nsqd.http_address, Nsqlookupd(tmp_path).http_address):
            with pytest.raises(QueueUnavailableError, match=f"nsqlookupd {address}: "):
                await look_up(address, TOPIC)


async def test_a_topic_that_nobody_has_is_nowhere(tmp_path: Path) -> None:
    with Nsqlookupd(tmp_path) as lookupd:
        assert await look_up(f"http://{lookupd.http_address}/", "unheard.of") == []


async def test_close_ends_every_task(two_nsqd: tuple[Nsqd, Nsqd], tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    away = Nsqd(tmp_path)
    async with consuming(*two_nsqd, away) as queue:
        assert isinstance(queue, NsqQueue)
        assert len(queue.connected) == 2
    assert asyncio.all_tasks() == before
