"""Takes a backup: what the store holds at one moment, then the archive, then the manifest.

The archive comes last: whatever is booked was archived before, so a copy of it that is younger than
the moment lacks nothing of what the store has, and what it has beyond is booked again by a replay.

It is written into a folder beside, ``DIR.unfinished``, that gets its name when all of it is on the
disk. So a folder of that name is whole, whatever happened, and nothing is left of one that was
broken off but what the next run takes away.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from psd.archive.files import sync_folder
from psd.backup.archive_files import archive_bytes, copy_archive
from psd.backup.copied_keys import KeyFiles
from psd.backup.manifest import (
    ARCHIVE,
    REPLAY_MARGIN_S,
    STORE,
    Manifest,
    moment,
    new_id,
    write_manifest,
)
from psd.backup.store_copy import Pace, StoreCopy
from psd.errors import ConfigError, RunInProgressError
from psd.store.keys import SCHEMA_VERSION
from psd.store.redis import Store
from psd.version import VERSION

SUFFIX = ".unfinished"

Begun = Callable[[str, int], Callable[[int], None]]
"""Told that a part begins, and how many keys or bytes it has about; hears of them then."""


@contextlib.contextmanager
def unfinished(folder: Path) -> Iterator[Path]:
    """A folder beside that becomes ``folder`` where all goes well, and is gone where it does not.

    Raises ConfigError for a folder that has something, and RunInProgressError where another process
    writes a backup there.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(
            f"{folder}: it is there and not empty; a backup makes a folder of its own"
        )
    beside = folder.with_name(folder.name + SUFFIX)
    folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    beside.mkdir(mode=0o700, exist_ok=True)
    with _locked(beside):
        for left in beside.iterdir():
            _remove(left)
        try:
            yield beside
            for each in [*beside.rglob("*"), beside]:
                if each.is_dir():
                    sync_folder(each)
            beside.replace(folder)
            sync_folder(folder.absolute().parent)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise


async def take(
    store: Store, folder: Path, archives: Sequence[Path], begun: Begun, keys_s: float = 0
) -> Manifest:
    """Write a backup into an empty folder; raises StoreUnavailableError where there cannot be one.

    ``archives`` are the folders of the archive, none where it is left out.
    """
    began_ms = await store.time_ms()
    name = await store.known_identity()
    partitions = (await store.placed()).partitions.count
    (folder / STORE).mkdir()
    sizes = await store.reads.each_node([("DBSIZE",)])
    tell = begun("store", sum(int(size) for (size,) in sizes.values()))
    with KeyFiles(folder / STORE, STORE) as keys:
        copied = await StoreCopy(store, keys.write, tell, Pace(keys_s)).run()
        keys.end()
    files = [*keys.files]
    if archives:
        tell = begun(ARCHIVE, archive_bytes(archives, name))
        files += copy_archive(archives, name, folder, tell)
    manifest = Manifest(
        id=new_id(),
        psd=VERSION,
        schema=SCHEMA_VERSION,
        partitions=partitions,
        store=name,
        began_at=moment(began_ms),
        as_of=moment(copied.as_of_ms),
        replay_from=moment(max(0, copied.as_of_ms - REPLAY_MARGIN_S * 1000)),
        keys=copied.keys,
        read_again=copied.read_again,
        held_ms=copied.held_ms,
        files=files,
    )
    return write_manifest(folder, manifest)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunInProgressError(
                f"{folder}: another backup is written there just now"
            ) from None
        except OSError:
            # A disk without locks: two backups into one folder are its owner's to avoid.
            pass
        yield
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
