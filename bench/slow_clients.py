"""Clients that hold connections open: ``python -m bench.slow_clients HOST PORT head|body COUNT``.

Each sends one byte a second of a request that never ends, and connects again when the server
hangs up. Their starts are spread over the first second. They run until SIGTERM, in a process of
their own, so that what they cost is not measured as the server's.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys

PAUSE_S = 1.0
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
BEGINNINGS = {
    "head": b"",
    "body": b"POST /v1/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n",
}


async def main(host: str, port: int, kind: str, count: int) -> None:
    """All clients, for ever."""
    await asyncio.gather(*(slow_client(host, port, kind) for _ in range(count)))


async def slow_client(host: str, port: int, kind: str) -> None:
    """One connection after the other."""
    await asyncio.sleep(random.random())
    while True:
        with contextlib.suppress(OSError):
            await one_connection(host, port, kind)


async def one_connection(host: str, port: int, kind: str) -> None:
    """A byte a second until the server has hung up."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(BEGINNINGS[kind])
        sent = 0
        while not reader.at_eof():
            writer.write(HEAD[sent : sent + 1] if kind == "head" and sent < len(HEAD) else b"x")
            sent += 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PAUSE_S):
                    await reader.read()
    finally:
        writer.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
