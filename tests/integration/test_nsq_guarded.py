"""An nsqd that wants TLS and AUTH: who has both books and publishes, everybody else is told why."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from psd.config import QueueSettings
from psd.errors import ConfigError, QueueUnavailableError
from psd.queue.nsq_depth import NsqDepth
from psd.queue.nsq_queue import NsqQueue
from tests.support.servers.certificates import Authority
from tests.support.servers.nsqd import Nsqd
from tests.support.servers.ports import free_ports
from tests.support.waiting import wait_until

SECRET = "open-sesame"
PERMISSIONS = {SECRET: ["publish", "subscribe"], "may-read": ["subscribe"]}


class AuthServer(BaseHTTPRequestHandler):
    """What nsqd asks who somebody is: a secret has rights on the topics of psd."""

    def do_GET(self) -> None:
        [secret] = parse_qs(urlsplit(self.path).query).get("secret", [""])
        rights = PERMISSIONS.get(secret)
        told = {
            "ttl": 60,
            "identity": "psd",
            "authorizations": [{"topic": "psd.*", "channels": [".*"], "permissions": rights}],
        }
        self.send_response(200 if rights else 403)
        self.end_headers()
        self.wfile.write(json.dumps(told if rights else {}).encode())

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal."""


@contextmanager
def auth_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), AuthServer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class GuardedNsqd(Nsqd):
    """One that speaks TLS alone, to clients with a certificate and a secret."""

    def __init__(self, folder: Path, auth: str) -> None:
        self.authority = Authority(folder / "tls")
        own, self.client = self.authority.sign("nsqd"), self.authority.sign("psd")
        [self.https_port] = free_ports(1)
        options = [
            *(f"-tls-cert={own.certificate}", f"-tls-key={own.key}"),
            *("-tls-required=tcp-https", "-tls-client-auth-policy=require-verify"),
            *(f"-tls-root-ca-file={self.authority.certificate}", f"-auth-http-address={auth}"),
            f"-https-address=127.0.0.1:{self.https_port}",
        ]
        super().__init__(folder, options)

    def settings(self, **more: Any) -> QueueSettings:
        given = {
            "nsqd_addresses": (self.address,),
            "nsqd_http_addresses": (f"https://127.0.0.1:{self.https_port}",),
            "nsqd_tls": True,
            "nsqd_ca": str(self.authority.certificate),
            "nsqd_certificate": str(self.client.certificate),
            "nsqd_key": str(self.client.key),
            "nsqd_auth_secret": SECRET,
        }
        return QueueSettings(**{**given, **more})


@pytest.fixture(scope="module")
def nsqd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedNsqd]:
    folder = tmp_path_factory.mktemp("guarded")
    with auth_server() as auth, GuardedNsqd(folder, auth) as running:
        yield running


async def test_what_is_published_is_received_and_finished(nsqd: GuardedNsqd) -> None:
    bodies = [b"%d" % at + b"x" * 5_000 for at in range(300)]
    queue = NsqQueue(nsqd.settings())
    await queue.start()
    await queue.publish("psd", bodies)
    received: list[bytes] = []
    while len(received) < len(bodies):
        messages = await queue.receive(100, 0.05)
        received += [message.body for message in messages]
        await queue.finish(messages)
    assert sorted(received) == sorted(bodies)
    depth = NsqDepth(nsqd.settings())

    async def is_empty() -> bool:
        depth._asked_at_s = float("-inf")
        return await depth() == 0

    await wait_until("all are finished", is_empty)
    await queue.close()


async def test_what_was_received_and_not_finished_comes_again(nsqd: GuardedNsqd) -> None:
    topic = "psd.again"
    first = NsqQueue(nsqd.settings(topic=topic))
    await first.start()
    await first.publish(topic, [b"once"])
    [message] = await first.receive(1, 0.05)
    await first.close()
    second = NsqQueue(nsqd.settings(topic=topic))
    await second.start()
    [again] = await second.receive(1, 0.05)
    assert (again.body, again.attempts) == (message.body, 2)
    await second.finish([again])
    await second.close()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"nsqd_tls": False}, "queue.nsqd_tls"),
        ({"nsqd_ca": ""}, "its certificate is not trusted"),
        ({"nsqd_auth_secret": ""}, "queue.nsqd_auth_secret"),
        ({"nsqd_auth_secret": "wrong"}, "E_AUTH_FAILED"),
        ({"nsqd_auth_secret": "may-read"}, "E_UNAUTHORIZED"),
        ({"nsqd_certificate": "", "nsqd_key": ""}, "nsqd 127.0.0.1"),
    ],
)
async def test_who_may_not_is_told_why(nsqd: GuardedNsqd, more: dict[str, Any], told: str) -> None:
    queue = NsqQueue(nsqd.settings(**more))
    with pytest.raises(QueueUnavailableError, match=told):
        await queue.publish("psd", [b"x"])
    await queue.close()


async def test_an_nsqd_without_tls_is_not_spoken_to_where_it_is_wanted(tmp_path: Path) -> None:
    with Nsqd(tmp_path) as plain:
        settings = QueueSettings(nsqd_addresses=(plain.address,), nsqd_tls=True)
        queue = NsqQueue(settings)
        with pytest.raises(QueueUnavailableError, match="it has no TLS"):
            await queue.publish("psd", [b"x"])
        await queue.close()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"nsqd_ca": "/nowhere.pem"}, "queue.nsqd_ca"),
        ({"nsqd_certificate": "/nowhere.pem"}, "queue.nsqd_certificate"),
    ],
)
def test_files_that_cannot_be_read_are_named(more: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        NsqQueue(QueueSettings(nsqd_tls=True, **more))
