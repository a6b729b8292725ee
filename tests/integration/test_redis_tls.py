"""The store behind TLS, with certificates of clients and the user of docs/security.md."""

from __future__ import annotations

import gc
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import pytest

from psd.config import RedisSettings
from psd.errors import StoreUnavailableError
from psd.runtime import open_runtime
from tests.support.engine import PATIENCE_S, book, engine_on, report, sum_of
from tests.support.processes.worker_stack import WorkerStack, steps, worker_running
from tests.support.servers.certificates import Authority
from tests.support.servers.ports import free_ports
from tests.support.servers.redis_server import RedisServer
from tests.support.servers.sentinel_group import MASTER
from tests.support.servers.server_process import ended, started
from tests.support.waiting import wait_until

ACL = Path(__file__).parents[2] / "deploy" / "redis" / "users.acl"
PASSWORD = "correct-horse"


class Guarded:
    """A server that speaks TLS alone, to clients with a certificate, for the user of the page."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder / "tls")
        self.own = self.authority.sign("redis")
        self.client = self.authority.sign("psd")
        self.stranger = Authority(folder / "other").sign("stranger")
        [self.port] = free_ports(1)
        self.server = RedisServer(
            folder / "redis", options=(*self.options, "--tls-port", str(self.port))
        )

    @property
    def options(self) -> tuple[str, ...]:
        """Of any server with these certificates."""
        return (
            *("--tls-cert-file", str(self.own.certificate), "--tls-key-file", str(self.own.key)),
            *("--tls-ca-cert-file", str(self.authority.certificate), "--tls-auth-clients", "yes"),
        )

    def url(self, user: str = f"psd:{PASSWORD}", place: str = "", **more: str | None) -> str:
        options = {
            "ssl_ca_certs": str(self.authority.certificate),
            "ssl_certfile": str(self.client.certificate),
            "ssl_keyfile": str(self.client.key),
            **more,
        }
        given = urlencode({name: value for name, value in options.items() if value is not None})
        return f"rediss://{user}@{place or f'127.0.0.1:{self.port}'}/0?{given}"


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    made = Guarded(tmp_path_factory.mktemp("guarded"))
    with made.server as server:
        for line in ACL.read_text(encoding="utf-8").splitlines():
            verb, *words = line.replace("PASSWORD", PASSWORD).split()
            assert verb == "user"
            if words[0] != "default":
                server.ask("ACL", "SETUSER", *words)
        yield made


async def test_everything_works_over_it(guarded: Guarded) -> None:
    guarded.server.empty()
    stack = WorkerStack("stream", guarded.server, None)
    own = RedisSettings(url=guarded.url(), timeout_s=PATIENCE_S)
    stack.settings = msgspec.structs.replace(stack.settings, redis=own)
    stack.runtime = await open_runtime(stack.settings)
    async with worker_running(stack):
        await stack.publish([steps(7, aid, 10) for aid in range(100)])
        await wait_until("all is booked", lambda: stack.sum_is(7, 1000))
        await wait_until("nothing is left over", stack.drained)
    ready = await stack.runtime.readiness()
    await stack.runtime.close()
    assert {check for check, found in ready.items() if not found.startswith("ok")} == set()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"ssl_ca_certs": None}, "its certificate is not trusted"),
        ({"ssl_certfile": None, "ssl_keyfile": None}, "redis"),
    ],
)
async def test_without_the_certificates_nobody_is_spoken_to(
    guarded: Guarded, more: dict[str, str | None], told: str
) -> None:
    async with engine_on(guarded.url(**more), {"redis.timeout_s": PATIENCE_S}) as psd:
        with pytest.raises(StoreUnavailableError, match=told):
            await book(psd, [report()])


async def test_a_certificate_of_another_authority_is_refused(guarded: Guarded) -> None:
    stranger = guarded.stranger
    more = {"ssl_certfile": str(stranger.certificate), "ssl_keyfile": str(stranger.key)}
    async with engine_on(guarded.url(**more), {"redis.timeout_s": PATIENCE_S}) as psd:
        with pytest.raises(StoreUnavailableError):
            await book(psd, [report()])


async def test_a_wrong_password_is_a_store_that_is_away_and_is_not_told(guarded: Guarded) -> None:
    url = guarded.url("psd:wrong-password")
    async with engine_on(url, {"redis.timeout_s": PATIENCE_S}) as psd:
        with pytest.raises(StoreUnavailableError) as refused:
            await book(psd, [report()])
    assert "wrong-password" not in str(refused.value)


SENTINEL = """\
port 0
tls-port {port}
tls-replication yes
dir {folder}
requirepass {password}
sentinel monitor {master} 127.0.0.1 {master_port} 1
{certificates}
"""


@pytest.fixture
def sentinel_port(guarded: Guarded, tmp_path: Path) -> Iterator[int]:
    """A sentinel that speaks TLS alone, also to the server, where it needs no password."""
    guarded.server.ask("ACL", "SETUSER", "default", "on", "nopass", "~*", "&*", "+@all")
    pairs = zip(guarded.options[::2], guarded.options[1::2], strict=True)
    certificates = "\n".join(f"{name.removeprefix('--')} {value}" for name, value in pairs)
    [port] = free_ports(1)
    path = tmp_path / "sentinel.conf"
    told = {"port": port, "folder": tmp_path, "password": PASSWORD, "master": MASTER}
    path.write_text(SENTINEL.format(**told, master_port=guarded.port, certificates=certificates))
    command = [guarded.server.binary, str(path), "--sentinel"]
    process = started("redis-sentinel", command, tmp_path / "log", lambda: _listens(port))
    yield port
    ended(process, signal.SIGKILL)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


async def test_a_sentinel_behind_tls_leads_to_a_master_behind_tls(
    guarded: Guarded, sentinel_port: int
) -> None:
    guarded.server.empty()
    sentinels = {
        "redis.sentinel": [f"localhost:{sentinel_port}"],
        "redis.sentinel_master": MASTER,
        "redis.sentinel_password": PASSWORD,
        "redis.timeout_s": PATIENCE_S,
    }
    url = guarded.url(place="nobody.invalid")

    async def booked() -> bool:
        async with engine_on(url, {**sentinels, "redis.sentinel_tls": True}) as psd:
            try:
                return await book(psd, [report()]) is not None and await sum_of(psd) == 10
            except StoreUnavailableError:
                return False

    # A sentinel that has just begun has not seen its master yet.
    await wait_until("it books", booked)
    async with engine_on(url, {**sentinels, "redis.sentinel_tls": False}) as psd:
        with pytest.raises(StoreUnavailableError):
            await sum_of(psd)
