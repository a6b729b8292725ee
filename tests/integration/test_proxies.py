"""deploy/nginx and deploy/haproxy before a real server: TLS, a path below, streams at once."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.support.clients.http import HttpClient
from tests.support.clients.watching import Watcher
from tests.support.engine import second
from tests.support.servers.certificates import Authority
from tests.support.servers.ports import free_ports
from tests.support.servers.server_process import ended
from tests.support.swaps.one_correction import add
from tests.support.waiting import wait_until

DEPLOY = Path(__file__).parents[2] / "deploy"
SYSTEM_FOLDERS = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
WATCH = "/v3/swaps/main/watch?limit=1"

pytestmark = pytest.mark.psd(now_s=second("2020-09-06 12:00:00"), archives=False)

NGINX = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/psd.conf;
}}
"""


def program(name: str) -> str:
    found = shutil.which(name, path=SYSTEM_FOLDERS)
    if found:
        return found
    reason = f"{name} is missing: apt-get install {name}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def replaced(text: str, changes: dict[str, str]) -> str:
    """The example with the places of this machine; each of them stands in it."""
    for place, own in changes.items():
        assert place in text, place
        text = text.replace(place, own)
    return text


def nginx_command(folder: Path, backend: str, port: int, authority: Authority) -> list[str]:
    signed = authority.sign("nginx")
    for name in ("psd.conf", "psd-proxy.conf"):
        shutil.copy(DEPLOY / "nginx" / name, folder / name)
    changes = {
        "server 127.0.0.1:1155;": f"server {backend};",
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/psd/tls/cert.pem": str(signed.certificate),
        "/etc/psd/tls/key.pem": str(signed.key),
        "/etc/nginx/psd-proxy.conf": str(folder / "psd-proxy.conf"),
    }
    path = folder / "psd.conf"
    path.write_text(replaced(path.read_text(), changes))
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder))
    return [program("nginx"), "-e", f"{folder}/log", "-c", f"{folder}/nginx.conf"]


def haproxy_command(folder: Path, backend: str, port: int, authority: Authority) -> list[str]:
    changes = {
        "server one 127.0.0.1:1155 check": f"server one {backend} check inter 100ms",
        "bind :443 ssl": f"bind 127.0.0.1:{port} ssl",
        "/etc/psd/tls/both.pem": str(authority.sign("haproxy").both),
    }
    text = (DEPLOY / "haproxy" / "haproxy.cfg").read_text()
    path = folder / "haproxy.cfg"
    path.write_text(replaced(text, changes))
    return [program("haproxy"), "-db", "-f", str(path)]


COMMANDS = {"nginx": nginx_command, "haproxy": haproxy_command}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=COMMANDS)
def proxy_url(
    request: pytest.FixtureRequest, client: HttpClient, authority: Authority, tmp_path: Path
) -> Iterator[str]:
    [port] = free_ports(1)
    backend = urlsplit(client.url).netloc
    command = COMMANDS[request.param](tmp_path, backend, port, authority)
    with (tmp_path / "output").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    yield f"https://localhost:{port}"
    ended(process, signal.SIGTERM)


@pytest.fixture
async def proxied(proxy_url: str, authority: Authority) -> AsyncIterator[HttpClient]:
    connector = aiohttp.TCPConnector(ssl=authority.context())
    async with aiohttp.ClientSession(connector=connector) as session:
        through = HttpClient(proxy_url, session)

        async def answers() -> bool:
            try:
                return (await through.get("/healthz")).status == 200
            except aiohttp.ClientError:
                return False

        await wait_until("the proxy answers", answers)
        yield through


async def test_it_answers_at_the_root_and_below_a_path(proxied: HttpClient) -> None:
    for prefix in ("", "/psd"):
        answer = await proxied.get(f"{prefix}/v1/query/7/steps/all/0/9")
        assert (answer.status, answer.text) == (200, "0"), prefix
        written = await proxied.request("POST", f"{prefix}/v3/swaps/main/stations", b'{"name":"S"}')
        assert written.status < 500


async def test_pages_below_a_path_link_there(proxied: HttpClient) -> None:
    for prefix in ("", "/psd"):
        async with proxied.session.get(
            f"{proxied.url}{prefix}/", headers={"Accept": "text/html"}
        ) as page:
            assert page.status == 200
            links = re.findall(r'(?:href|src)="(/[^"]*)"', await page.text())
        assert links
        assert {link for link in links if not link.startswith(f"{prefix}/")} == set()
        if not prefix:
            assert not [link for link in links if link.startswith("/psd/")]


async def test_a_prefix_that_a_client_makes_up_is_not_passed_on(proxied: HttpClient) -> None:
    headers = {"Accept": "text/html", "X-Forwarded-Prefix": "/other"}
    async with proxied.session.get(f"{proxied.url}/", headers=headers) as page:
        assert "/other" not in await page.text()


async def test_numbers_of_the_process_are_not_shown(proxied: HttpClient) -> None:
    for path in ("/metrics", "/psd/metrics"):
        assert (await proxied.get(path)).status == 403


@pytest.mark.parametrize("prefix", ["", "/psd"])
async def test_what_is_watched_is_told_as_it_happens(
    client: HttpClient, proxied: HttpClient, prefix: str
) -> None:
    await add(client, "/stations", {"name": "S1"})
    async with Watcher.of(proxied, prefix + WATCH) as watcher:
        first = await watcher.event()
        assert first is not None
        assert first.id == "1"
        await add(client, "/stations", {"name": "S2"})
        second_event = await watcher.event()
        assert second_event is not None
        assert second_event.id == "2"
