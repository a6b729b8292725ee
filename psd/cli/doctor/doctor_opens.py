"""What ``psd doctor`` opens beside the store and the queue: all that a server opens when it starts.

Each check is made by the code that the server itself runs, so that what doctor calls ``ok`` is what
a start would not stumble over::

    access   ok   127.0.0.1 is reached from this machine alone; nobody is checked
    tokens   BAD  access.tokens_file: [Errno 2] No such file or directory: '/etc/psd/tokens'
    archive  BAD  archive.folder = '/var/lib/psd': cannot be written (Permission denied); ...
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import msgspec

from psd.access.exposure import check_exposure, is_checked
from psd.access.jwts import jwt_rules
from psd.access.tokens import token_table
from psd.addresses import Address
from psd.archive.health import room_in
from psd.archive.writer import open_archive
from psd.clock import SystemClock
from psd.config import Settings
from psd.domains import domains, named
from psd.errors import ConfigError, PsdError
from psd.observe.metrics import Metrics
from psd.secrets import masked
from server.jwks import FETCH_TIMEOUT_S, Keys


class Finding(msgspec.Struct, frozen=True):
    """One line of the report; with ``is_advice`` it is well enough, and something is to be done."""

    check: str
    ok: bool
    found: str
    is_advice: bool = False


async def examine_opened(settings: Settings) -> AsyncIterator[Finding]:
    """Settings that contradict each other, tokens, keys, archive, tables and the address."""
    checks: Iterable[tuple[str, Callable[[Settings], str]]] = (
        ("access", _access),
        ("tokens", _tokens),
        ("archive", _archive),
        *((name, named(check)) for domain in domains() for name, check in domain.checks.items()),
        ("address", _address),
    )
    for name, check in checks:
        try:
            # Names may be resolved and disks may be slow.
            yield Finding(name, True, await asyncio.to_thread(check, settings))
        except PsdError as error:
            yield Finding(name, False, str(error))
        except OSError as error:
            yield Finding(name, False, f"{error.strerror or error}")
    if settings.access.jwks:
        yield await _jwks(settings)


def _access(settings: Settings) -> str:
    warning = check_exposure(settings)
    if warning:
        return warning
    if is_checked(settings.access):
        return "every request is checked"
    return f"{settings.server.host} is reached from this machine alone; nobody is checked"


def _tokens(settings: Settings) -> str:
    table = token_table(settings.access)
    now_s = SystemClock().now_s()
    ended = table.ended(now_s)
    told = f"{len(table)} tokens" if len(table) != 1 else "1 token"
    return f"{told}, {ended} of them expired" if ended else told


def _archive(settings: Settings) -> str:
    if not settings.archive.enabled:
        return "off (archive.enabled = false)"
    folder = Path(settings.archive.folder)
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        open_archive(settings.archive, Metrics())
    finally:
        # A folder that only doctor wanted does not stay.
        with contextlib.suppress(OSError):
            for path in missing:
                path.rmdir()
    if missing:
        return f"{folder} can be made and written"
    room = room_in(folder)
    if not room.startswith("ok"):
        raise ConfigError(room)
    return f"{folder} can be written{room.removeprefix('ok').replace(':', ';')}"


def _address(settings: Settings) -> str:
    """Whether the server's address can be bound; one that is in use is a server that runs."""
    host, port = settings.server.host, settings.server.port
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, kind, protocol, _, address in found:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return f"{Address(host, port)} is in use (by a server that runs?)"
                raise
    return f"{Address(host, port)} is free"


async def _jwks(settings: Settings) -> Finding:
    """The keys that verify JWTs, read or fetched as the server does it."""
    access = settings.access
    try:
        keys = Keys(access.jwks, jwt_rules(access), access.jwks_cache_s, lambda: None)
    except PsdError as error:
        return Finding("jwks", False, str(error))
    try:
        async with asyncio.timeout(2 * FETCH_TIMEOUT_S):
            count = await keys.count()
    except (PsdError, TimeoutError) as error:
        return Finding("jwks", False, str(error) or "access.jwks: no answer")
    finally:
        await keys.close()
    return Finding("jwks", True, f"{count} usable keys from {masked(access.jwks)}")
