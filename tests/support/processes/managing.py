"""A service manager as a process sees it: a datagram socket that keeps what it is told.

>>> with Managing("@psd-test-4711", watchdog_s=3) as manager:
...     started(..., env=manager.environment)
...     await manager.told("READY=1")
"""

from __future__ import annotations

import contextlib
import secrets
import socket
from typing import Self

from tests.support.waiting import wait_until


def abstract_address() -> str:
    """An address that stands in no folder, as ``$NOTIFY_SOCKET`` writes it."""
    return f"@psd-test-{secrets.token_hex(8)}"


class Managing:
    """Listens at ``address``; ``lines`` is everything that was told so far."""

    def __init__(self, address: str, watchdog_s: float = 0.0) -> None:
        self.address = address
        self.lines: list[str] = []
        self._watchdog_s = watchdog_s
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)

    @property
    def environment(self) -> dict[str, str]:
        """What the manager gives a process that it starts."""
        found = {"NOTIFY_SOCKET": self.address}
        if self._watchdog_s:
            found["WATCHDOG_USEC"] = str(int(self._watchdog_s * 1e6))
        return found

    def hear(self) -> list[str]:
        """What was told since it was asked last."""
        before = len(self.lines)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.lines += self._socket.recv(4096).decode().split("\n")
        return self.lines[before:]

    async def told(self, line: str) -> None:
        """Wait until something beginning with this is told anew."""
        await wait_until(f"{line} is told", lambda: any(e.startswith(line) for e in self.hear()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
