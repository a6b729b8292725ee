"""A store without a version, that goes away while it is looked through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from psd.errors import StoreUnavailableError
from psd.store.routed import RoutedLane
from psd.store.unmarked import Unmarked


@asynccontextmanager
async def away() -> AsyncIterator[RoutedLane]:
    raise StoreUnavailableError("the store did not answer within 1.5 s")
    yield


async def test_a_store_that_goes_away_is_away_and_not_unfit() -> None:
    unmarked = Unmarked(away)
    unmarked.begin()
    with pytest.raises(StoreUnavailableError):
        await unmarked.looked()
    assert unmarked.found is None
    await unmarked.close()
