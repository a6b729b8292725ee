"""Ports for the servers of a test, out of the way of those that the system hands out.

A port from ``bind(0)`` is free when it is asked for, and may be some client's, or another server's,
when it is used. Those below the system's own range (32768 on Linux) are taken by nobody who does
not ask for them by number.

>>> tcp_port, http_port = free_ports(2)
"""

from __future__ import annotations

import random
import socket

FIRST, LAST = 12_000, 32_000
TRIES = 1_000
LOOPBACKS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))

_random = random.SystemRandom()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at either loopback address, each a different one."""
    found: set[int] = set()
    for _ in range(TRIES):
        if len(found) == count:
            return sorted(found)
        port = _random.randrange(FIRST, LAST)
        if _is_free(port):
            found.add(port)
    raise AssertionError(f"{TRIES} ports were tried for {count} that are free")


def _is_free(port: int) -> bool:
    for family, host in LOOPBACKS:
        try:
            with socket.socket(family) as tried:
                # As servers do; what lingers of a connection before is nobody who listens.
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tried.bind((host, port))
        except OSError:
            if _has_address(family, host):
                return False
    return True


def _has_address(family: socket.AddressFamily, host: str) -> bool:
    try:
        with socket.socket(family) as tried:
            tried.bind((host, 0))
    except OSError:
        return False
    return True
