"""How far the numbers of all processes are: what is told never goes back, and is told once."""

from __future__ import annotations

import time
from typing import cast

import pytest

from psd.clock import SystemClock
from psd.errors import StoreUnavailableError
from psd.observe.metrics import Metrics
from psd.store.clocks import Clocks
from psd.store.highest import Order
from psd.store.routed import RoutedLane
from tests.support.stored.fake_store import FakeStore


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


def order_on(store: FakeStore) -> Order:
    clocks = Clocks(SystemClock(), Metrics())
    return Order(cast("RoutedLane", store.reads), cast("RoutedLane", store.writes), clocks)


async def booked() -> str:
    return "booked"


async def test_nothing_was_told_before_the_first_and_the_store_tells_its_time(
    store: FakeStore,
) -> None:
    told = await order_on(store).ask()
    assert told.number is None
    assert abs(told.store_us / 1e6 - time.time()) < 60


async def test_what_a_process_told_is_what_others_begin_after(store: FakeStore) -> None:
    first, second = order_on(store), order_on(store)
    number = first.take(0, 500)
    assert await first.with_telling(booked()) == "booked"
    found = await second.ask()
    assert found.number == number == 500
    assert second.take(found.number, 0) == 501


async def test_a_process_that_is_behind_takes_nothing_back(store: FakeStore) -> None:
    ahead, behind = order_on(store), order_on(store)
    ahead.take(0, 500)
    await ahead.with_telling(booked())
    behind.take(0, 20)
    await behind.with_telling(booked())
    assert (await behind.ask()).number == 500


async def test_microseconds_up_to_2_to_the_53_are_kept_to_the_last(store: FakeStore) -> None:
    order = order_on(store)
    order.reached(2**53 - 1)
    await order.with_telling(booked())
    assert (await order.ask()).number == 2**53 - 1


async def test_what_was_told_is_not_told_again(store: FakeStore) -> None:
    order = order_on(store)
    order.take(0, 7)
    await order.with_telling(booked())
    trips = store.writes.trips
    await order.with_telling(booked())
    assert store.writes.trips == trips


async def test_a_booking_whose_number_could_not_be_told_is_an_error(store: FakeStore) -> None:
    order = order_on(store)
    order.take(0, 7)
    store.writes.error = StoreUnavailableError("redis: away")
    with pytest.raises(StoreUnavailableError):
        await order.with_telling(booked())
    store.writes.error = None
    await order.with_telling(booked())
    assert (await order.ask()).number == 7
