"""What is said of a server that does not answer names the cause, and nothing of a library."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import redis.asyncio

from psd.client import AsyncClient, Retries
from psd.errors import ServerUnavailableError
from psd.outages import outage

ONCE = Retries(tries_max=1)
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")


async def told_by_client(url: str, timeout_s: float = 60.0) -> str:
    """What the Python client says of a server."""
    async with AsyncClient(url, timeout_s=timeout_s, retries=ONCE) as psd:
        with pytest.raises(ServerUnavailableError) as caught:
            await psd.sum(thing="steps", uid="1")
    return str(caught.value).removeprefix(f"{url} does not answer: ")


async def told_by_redis(url: str) -> str:
    """What is said of a store."""
    client = redis.asyncio.from_url(url, retry=None)
    with pytest.raises(redis.ConnectionError) as caught:
        await client.ping()
    await client.aclose()
    return outage(caught.value)


@pytest.mark.parametrize("tell", [told_by_client, told_by_redis])
async def test_a_port_where_nobody_listens_is_a_sentence(
    tell: Callable[[str], Awaitable[str]],
) -> None:
    scheme = "http" if tell is told_by_client else "redis"
    for host in ("127.0.0.1", "[::1]"):
        assert await tell(f"{scheme}://{host}:1") == "nothing listens there (connection refused)"


@pytest.mark.parametrize("tell", [told_by_client, told_by_redis])
async def test_a_name_that_nobody_knows_is_a_sentence(
    tell: Callable[[str], Awaitable[str]],
) -> None:
    scheme = "http" if tell is told_by_client else "redis"
    told = await tell(f"{scheme}://nobody.invalid:1")
    assert told.startswith("no address of this name is known (")


async def test_a_socket_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    assert await told_by_redis(f"unix://{tmp_path}/none.sock") == "there is no such socket"


async def test_a_server_that_says_nothing_or_hangs_up_is_a_sentence() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def hanging_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    for serve, timeout_s, expected in (
        (silent, 0.2, "no answer within 0.2 s"),
        (hanging_up, 60, "it hung up"),
    ):
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            told = await told_by_client(f"http://127.0.0.1:{port}", timeout_s=timeout_s)
        assert told.startswith(expected)


async def test_a_certificate_of_nobody_is_a_sentence(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = ("openssl", "req", "-x509", *KEY, "-nodes", "-days", "2", "-subj")
    await asyncio.to_thread(
        subprocess.run,
        [*made, "/CN=127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        told = await told_by_client(f"https://127.0.0.1:{port}")
    assert told == "its certificate is not trusted (self-signed certificate)"


async def test_a_server_without_tls_is_a_sentence() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        told = await told_by_client(f"https://127.0.0.1:{port}")
    assert told.startswith("it speaks no TLS that can be used (")


def test_what_is_not_known_keeps_its_own_words() -> None:
    assert outage(ValueError("a broken frame")) == "a broken frame"
    assert outage(OSError(errno.EMFILE, "x")) == os.strerror(errno.EMFILE)
    assert outage(KeyError()) == "KeyError"
    assert outage(socket.gaierror(-2, "unknown")) == "no address of this name is known (unknown)"
