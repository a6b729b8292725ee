"""What many tests run on: a runtime and its server, and for a worker both kinds of queue."""

from __future__ import annotations

import itertools
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from psd.runtime import Runtime, open_runtime
from psd.store.redis import Store
from server import deadline
from tests.conftest import ON_CLUSTER, AnyStore
from tests.support.clients.chromium import shared_chromium
from tests.support.clients.http import HttpClient, serving
from tests.support.engine import PATIENCE_S, erase_at_once
from tests.support.processes.worker_stack import WorkerStack
from tests.support.servers.memory import memory_folder
from tests.support.servers.nsqd import Nsqd
from tests.support.servers.redis_cluster import RedisCluster
from tests.support.servers.redis_server import KEEP, RedisServer
from tests.support.servers.whole_client import StoreClient

HERE = Path(__file__).parent

IN_CHROMIUM = "*_in_chromium.py"

SAME_ON_A_CLUSTER = {
    "cluster": "they have clusters of their own, also beside the tests of one server",
    IN_CHROMIUM: "what a browser shows of pages that are asked for without one as well",
    "board_pages": "what pages show; v3_boards has the boards",
    "swap_pages/test_recorded_pages.py": "what pages show; test_swap_forms.py sends their forms",
    "first_views": "what they ask is counted at one server",
    "every_page": "what pages show, and where their links lead",
    "reward_pages": "what pages show; rewards_http has the statements",
    "rewards_http/test_refusals.py": "what is no question; the files beside it have those that are",
    "user_pages": "what pages show; test_v3_sum.py and test_v3_series.py have the numbers",
    "ops_pages": "what operators see and do; the tests of their commands have it on a cluster",
    "charging_pages": "what pages show; test_charging_http.py has the accounts",
    "energy_pages": "what pages show; test_energy.py has the meters",
    "http_limits": "what a connection may send is decided before any key is asked for",
    "test_http_head.py": "heads of answers, whatever they tell",
    "test_http_bodies.py": "bodies are read before any key is asked for",
    "test_openapi.py": "the reference of the routes",
    "test_openapi_page.py": "the reference of the routes",
    "test_access_matrix.py": "who may ask is decided before any key is asked for",
    "test_access_open.py": "who may ask is decided before any key is asked for",
    "test_access_keys.py": "who may ask is decided before any key is asked for",
    "test_access_strangers.py": "who may ask is decided before any key is asked for",
    "test_access_commands.py": "commands about tokens, which are in files",
    "test_server_process.py": "processes, signals and ports",
    "test_machine_zone.py": "the zone of the machine",
    "test_rewards_scenario.py": "twelve weeks of figures; test_rewards_job.py has their keys",
    "test_grafana.py": "what panels ask is asked of a sum or a series",
    "test_prometheus.py": "what PromQL means; what it asks is asked of a sum or a series",
    "query_commands": "how answers are printed",
    "test_import_files.py": "how files are read",
    "test_energy_imports.py": "how files are read",
    "test_energy_oracle.py": "what readings cost; test_energy_costs.py has the plans and prices",
    "test_joi_face.py": "meters told in other words; test_energy.py has them",
    "test_payment_face.py": "payments told in other words; test_payments.py has them",
    "test_charging_routes.py": "who is told what; test_charging_http.py has the accounts",
    "test_proxies.py": "what stands before a server",
    "test_service_manager.py": "what processes tell their manager",
    "test_v3_cloud_events.py": "how events are written",
    "test_messages_page.py": "the examples of a page",
    "test_http_docs.py": "the examples of a page",
    "test_client_docs.py": "the examples of a page",
    "test_deadletter.py": "letters are messages: test_stream_queue.py has those on a cluster",
    "test_v3_times.py": "how times are written",
    "test_all_is_away.py": "nothing is there, and no node of it",
    "test_cost_of_requests.py": "what one server does, of which a node has a part",
    "client": "the client, and what a server answers on any store",
    "grpc_service": "reads rows from memory",
    "source_elastic": "its peer is Elasticsearch",
    "test_source_grpc.py": "its peers are gRPC services",
    "test_nsq_depth.py": "nsqd alone",
    "test_nsq_frames.py": "nsqd alone",
    "test_nsq_members.py": "nsqd alone",
    "test_nsq_outages.py": "nsqd alone",
    "test_nsq_publish.py": "nsqd alone",
    "test_nsq_queue.py": "nsqd alone",
}
"""Folders and files whose tests a cluster would only repeat, and why: that is so where every key
that they ask for is asked for in the same way by tests that stay."""


STORES = {"redis_server", "own_redis", "kept_cluster"}
BUILDERS = ("StoreKind", "RedisCluster", "ON_CLUSTER")


def pytest_configure(config: pytest.Config) -> None:
    """The one reason not to run on the cluster."""
    config.addinivalue_line("markers", "one_server(why): it is about one server, not a cluster")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On the cluster: all tests but those that say why they are about one server."""
    if ON_CLUSTER:
        for item in items:
            if asks_no_store(item):
                item.add_marker(pytest.mark.one_server("it asks no store"))
            if (why := same_on_a_cluster(item.path)) is not None:
                item.add_marker(pytest.mark.one_server(why))
        config.hook.pytest_deselected(items=list(filter(is_about_one_server, items)))
        items[:] = itertools.filterfalse(is_about_one_server, items)


def same_on_a_cluster(file: Path) -> str | None:
    """Why a cluster would only repeat the tests of a file, None where it would not."""
    path = file.relative_to(HERE) if file.is_relative_to(HERE) else file
    if path.match(IN_CHROMIUM):
        return SAME_ON_A_CLUSTER[IN_CHROMIUM]
    places = (Path(path.name), path, *path.parents)
    found = (SAME_ON_A_CLUSTER.get(place.as_posix()) for place in places)
    return next((why for why in found if why is not None), None)


def asks_no_store(item: pytest.Item) -> bool:
    """Whether a test neither gets a store from a fixture nor builds one itself."""
    module = getattr(item, "module", None)
    given = STORES.intersection(getattr(item, "fixturenames", ()))
    return not given and not any(hasattr(module, name) for name in BUILDERS)


def is_about_one_server(item: pytest.Item) -> bool:
    """Whether a test or its file is marked so."""
    return item.get_closest_marker("one_server") is not None


@pytest.fixture(autouse=True)
def clients_of_the_whole_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test asks of a store's plain client, it asks of all nodes."""
    if ON_CLUSTER:
        monkeypatch.setattr(Store, "client", StoreClient(), raising=False)
        monkeypatch.setattr(Store, "close", StoreClient.closing(Store.close))


@pytest.fixture(autouse=True)
def archive_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process that a test starts leaves an archive in the checkout, or finds another test's."""
    monkeypatch.setenv("PSD_ARCHIVE_FOLDER", str(tmp_path / "archive"))
    monkeypatch.setenv("PSD_IMPORTS_FOLDER", str(tmp_path / "imports"))


@pytest.fixture(autouse=True)
def patient_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a server in a test's own process; ``engine_on`` has its own patience."""
    monkeypatch.setattr(deadline, "ANSWER_TIMEOUT_S", PATIENCE_S)


@pytest.fixture(autouse=True)
def others_of_an_erasure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody that an erasure has to wait for, but in files that say otherwise."""
    erase_at_once(monkeypatch)


@pytest.fixture(autouse=True)
def patient_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """No command that a test runs gives a busy machine up after the 1.5 s that people wait."""
    monkeypatch.setenv("PSD_REDIS_TIMEOUT_S", str(PATIENCE_S))


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """Where and from which level on a test logs is forgotten after it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def kept_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """A cluster that the tests may kill, one after the other: it takes two seconds to form."""
    with (
        memory_folder(tmp_path_factory.mktemp("cluster")) as folder,
        RedisCluster(folder, options=KEEP) as cluster,
    ):
        yield cluster


@pytest.fixture
def own_redis(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyStore]:
    """A Redis that the test may kill."""
    if ON_CLUSTER:
        cluster: RedisCluster = request.getfixturevalue("kept_cluster")
        cluster.restore()
        yield cluster
        return
    with memory_folder(tmp_path / "redis") as folder, RedisServer(folder, options=KEEP) as server:
        yield server


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[HttpClient]:
    """Asks a server over the runtime of the file."""
    async with serving(runtime) as client:
        yield client


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium_of_the_process() -> AsyncIterator[None]:
    """The browser in which tests have their windows, for as long as tests of the process run."""
    async with shared_chromium():
        yield


QUEUES = ["stream"] if ON_CLUSTER else ["nsq", "stream"]
"""On a cluster the queue is there, too: nsqd does not know where bookings go."""


@pytest.fixture
def trip_timeout_s() -> float:
    """How long a stack waits for Redis; a file that stops Redis says less."""
    return PATIENCE_S


@pytest.fixture(params=QUEUES)
async def stack(
    request: pytest.FixtureRequest, own_redis: AnyStore, tmp_path: Path, trip_timeout_s: float
) -> AsyncIterator[WorkerStack]:
    """Redis and each kind of queue."""
    with ExitStack() as servers:
        nsqd = servers.enter_context(Nsqd(tmp_path)) if request.param == "nsq" else None
        built = WorkerStack(request.param, own_redis, nsqd, trip_timeout_s)
        built.runtime = await open_runtime(built.settings)
        yield built
        await built.runtime.close()
