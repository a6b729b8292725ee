"""Fixtures that more than one kind of test uses.

With PSD_TEST_CLUSTER=1 each store is a Redis Cluster of three masters, the shared one and those
that tests start for themselves (``StoreKind``).
"""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from psd.runtime import Runtime
from tests.support.marked import has_nothing_of
from tests.support.second_try import mark_second_tries
from tests.support.servers.redis_cluster import RedisCluster
from tests.support.servers.redis_server import RedisServer
from tests.support.wanted import Wanted

ON_CLUSTER = os.environ.get("PSD_TEST_CLUSTER") == "1"

AnyStore = RedisServer | RedisCluster

StoreKind = RedisCluster if ON_CLUSTER else RedisServer
"""What a test starts that needs a store of its own."""


# A busy machine may take its time for an example.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.register_profile("quick", max_examples=10, deadline=None)
hypothesis.settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """Why a test does not run beside others, or not in every run; and what its psd is like."""
    config.addinivalue_line(
        "markers", "timed(what): how long something takes is the fact, so it runs alone"
    )
    config.addinivalue_line(
        "markers", "psd(settings, now_s, archives, holds): what psd and runtime are in this test"
    )
    config.addinivalue_line("markers", "bare: on machines with nothing but Debian; make test-bare")
    config.addinivalue_line(
        "markers", "long(what): many cases of a rule; not of make unit, test-quick"
    )
    config.addinivalue_line("markers", "slow(why): tries very much; make property runs it, and CI")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What this run chooses nothing of is not imported; of the rest pytest judges."""
    return True if has_nothing_of(collection_path, config) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Who shares a busy machine with others is asked again when it fails, and that is told."""
    mark_second_tries(config, items)


def pytest_collection_finish() -> None:
    """What modules define is there to the end: pytest's ten searches for garbage pass it over."""
    gc.freeze()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnyStore]:
    """The distribution's Redis, shared by all tests that do not harm it."""
    with StoreKind(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: AnyStore) -> str:
    """The shared server, empty."""
    redis_server.empty()
    return redis_server.url


@pytest.fixture
def more_settings() -> dict[str, Any]:
    """What a file knows when its test runs, as settings that name a folder: it has its own."""
    return {}


@pytest.fixture
async def psd(
    request: pytest.FixtureRequest,
    redis_url: str,
    more_settings: dict[str, Any],
    tmp_path: Path,
) -> AsyncIterator[Runtime]:
    """Books, on an empty store; the marker ``psd`` says what else (``Wanted``)."""
    wanted = Wanted.of(request)
    async with wanted.opened(redis_url, more_settings, tmp_path / "archive") as opened:
        yield opened


@pytest.fixture
async def runtime(
    request: pytest.FixtureRequest,
    redis_url: str,
    more_settings: dict[str, Any],
    tmp_path: Path,
) -> AsyncIterator[Runtime]:
    """Books and archives, as a server does; the marker ``psd`` says what else (``Wanted``)."""
    wanted = Wanted.of(request, archives=True)
    async with wanted.opened(redis_url, more_settings, tmp_path / "archive") as opened:
        yield opened
