"""Restores a backup into a store that runs and is empty.

Everything is held against its checksum before anything is written. Then the store is marked as one
that is being filled (psd/store/filling.py), so that no psd works with it; a restore that was broken
off leaves that mark, and the same command goes on. Each key gets the end of life that it had, as a
moment and not as what was left::

    RESTORE psd:{p0}:7:1:y 0 <dump> REPLACE ABSTTL
    RESTORE psd:{p0}:7:k:16903 1461153604000 <dump> REPLACE ABSTTL

Marks of increments live for KEPT_MARKS_MS more at least: by then what was accepted behind the
backup was replayed, also from an old one, and each increment is told from those that it has.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from psd.backup.copied_keys import CopiedKey, read_pages
from psd.backup.manifest import STORE, Manifest
from psd.backup.store_copy import Pace
from psd.errors import ConfigError
from psd.failpoints import reach
from psd.store.filling import Filling
from psd.store.keys import LIFE_KEY, PARTITIONS_KEY, ROOT, STORE_KEY
from psd.store.lane import Command
from psd.store.redis import Store
from psd.store.standing import LIFE_BYTES

KEPT_MARKS_MS = 2 * 86_400_000

_MARKS = re.compile(rf"{ROOT}:k:\d+".encode())

Tell = Callable[[int], None]


class Restore:
    """Restores the keys of one backup; ``tell`` hears of numbers of keys."""

    def __init__(self, store: Store, folder: Path, manifest: Manifest) -> None:
        self._store = store
        self._folder = folder
        self._manifest = manifest
        self._filling = Filling(store, manifest.origin, "restore")

    async def run(self, tell: Tell, pace: Pace) -> None:
        """Restore everything, and open the store."""
        await self._filling.begin(clears=False)
        now_ms = await self._store.time_ms()
        for page in self._pages():
            await self._filling.put([*_restoring(page, now_ms)])
            reach("restored_page")
            tell(len(page))
            await pace.took(len(page))
        await self._open()

    def _pages(self) -> Iterator[list[CopiedKey]]:
        for file in self._manifest.of(STORE):
            yield from read_pages(self._folder / file.path)

    async def _open(self) -> None:
        """The store is called what it was, and whoever knew it empty hears that it changed."""
        name = self._manifest.store
        marks: list[Command] = [("SET", LIFE_KEY, secrets.token_hex(LIFE_BYTES))]
        if name:
            self._store.standing.name = name
            marks.append(("SET", STORE_KEY, name))
        await self._store.writes.call_all(marks)
        await self._filling.end()


async def check_target(store: Store, manifest: Manifest) -> None:
    """Raise ConfigError where the store is none to restore this into; writes nothing."""
    wanted = store.settings.partitions
    if wanted and wanted != manifest.partitions:
        raise ConfigError(
            f"redis.partitions = {wanted}: the backup is of a store of {manifest.partitions}; "
            f"restore it with {manifest.partitions} or 0, then `psd migrate` moves it into another"
        )
    async with store.lane_to_anyone() as lane:
        held = await lane.call(("GET", PARTITIONS_KEY)) or b""
        if held and held != str(manifest.partitions).encode():
            raise ConfigError(
                f"redis.url: the store was begun with {held[:9].decode(errors='replace')} "
                f"partitions, and the backup is of one of {manifest.partitions}: empty it (FLUSHDB)"
            )
        await Filling(store, manifest.origin, "restore").check_empty(lane)


def is_forgetful(manifest_as_of_s: float, horizon_s: int) -> bool:
    """Whether a replay behind a backup of that time needs ``--forgotten``.

    Ids of increments that were accepted since are then older than the store would know them.
    """
    return time.time() - manifest_as_of_s > horizon_s - KEPT_MARKS_MS / 1000


def _restoring(page: list[CopiedKey], now_ms: int) -> Iterator[Command]:
    for key in page:
        if key.name == STORE_KEY.encode():
            continue
        if not key.dump:
            yield ("UNLINK", key.name)
            continue
        expires_ms = key.expires_ms
        if expires_ms and _MARKS.fullmatch(key.name):
            expires_ms = max(expires_ms, now_ms + KEPT_MARKS_MS)
        yield ("RESTORE", key.name, expires_ms, key.dump, "REPLACE", "ABSTTL")
