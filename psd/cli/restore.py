"""``psd restore``: bring a backup back into a store that runs and is empty.

::

    $ psd restore /backups/2016-04-12
    12,345 keys as of 2016-04-12T12:00:04Z, 4.2 MB, and 31 files of the archive, 1.2 MB: all whole
    12,345 keys restored; of the archive 3 files put back, 28 were there; in 2.2 s
    next: psd replay --from 2016-04-12T11:50:04Z

What makes it safe is in psd/backup/restoring.py.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

import click
import msgspec

from psd.backup.archive_files import put_back
from psd.backup.manifest import ARCHIVE, STORE, Manifest, check_files, read_manifest
from psd.backup.restoring import Restore, check_target, is_forgetful
from psd.backup.store_copy import Pace
from psd.backup.taking import Begun
from psd.cli.backup import RATE, patient, told
from psd.cli.interrupted import going_on
from psd.cli.options import pass_settings
from psd.cli.printing import json_option, show_json
from psd.cli.progress import progress_of_parts
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.errors import ArchiveUnavailableError
from psd.observe.metrics import Metrics
from psd.store.redis import Store
from psd.times import timestamp


class Restored(msgspec.Struct):
    """What a restore came to; ``archive`` counts files: ``put``, ``there`` and ``other``."""

    id: str
    as_of: str
    keys: int
    archive: dict[str, int]
    replay_from: str
    forgotten: bool
    """Whether the replay is to be told that the store has forgotten ids."""


@click.command()
@click.argument(
    "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR"
)
@click.option(
    "--archive",
    "archive",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where files of the archive are put back that are missing. Default: setting "
    "archive.folder.",
)
@click.option("--no-archive", is_flag=True, help="The store alone.")
@click.option(
    "--dry-run", is_flag=True, help="Check the backup and the store; write nothing anywhere."
)
@RATE
@json_option
@pass_settings
def restore(
    loaded: LoadedSettings,
    /,
    *,
    folder: Path,
    archive: Path | None,
    no_archive: bool,
    dry_run: bool,
    rate: float,
    as_json: bool,
) -> None:
    """Bring a backup back into an empty store.

    The store runs, and has nothing yet. Every file is held against its checksum before anything is
    written. No psd works with the store until all of it is there, and a restore that was broken off
    goes on by the same command. Files of the archive are put back where they are missing. Then
    `psd replay` books what was accepted since the backup.
    """
    if archive and no_archive:
        raise click.UsageError("--archive and --no-archive contradict each other")
    settings = patient(loaded.settings)
    target = None if no_archive else archive or Path(settings.archive.folder)
    began_s = time.monotonic()
    with (
        going_on(STOPPED.format(folder)),
        progress_of_parts(checked="bytes", archive="bytes", store="keys") as begun,
    ):
        manifest = read_manifest(folder)
        check_files(folder, manifest, begun("checked", sum(f.bytes for f in manifest.files)))
        found = asyncio.run(run(settings, folder, manifest, target, begun, rate, dry_run))
    if as_json:
        show_json(found)
    else:
        show(manifest, found, time.monotonic() - began_s, dry_run=dry_run)


async def run(
    settings: Settings,
    folder: Path,
    manifest: Manifest,
    target: Path | None,
    begun: Begun,
    keys_s: float,
    is_dry: bool,
) -> Restored:
    """Restore all of it, the archive first: whoever starts on the store finds it whole."""
    store = Store(settings.redis, Metrics())
    try:
        await check_target(store, manifest)
    finally:
        await store.close()
    files: Counter[str] = Counter()
    if not is_dry:
        if target is not None:
            files = put_back_into(target, folder, manifest, begun)
        await restored(settings, folder, manifest, begun, keys_s)
    as_of_s = timestamp(manifest.as_of)
    return Restored(
        manifest.id,
        manifest.as_of,
        manifest.keys,
        dict(files),
        manifest.replay_from,
        is_forgetful(as_of_s, settings.booking.dedupe_horizon_s),
    )


async def restored(
    settings: Settings, folder: Path, manifest: Manifest, begun: Begun, keys_s: float
) -> None:
    """Restore the keys."""
    redis = msgspec.structs.replace(settings.redis, partitions=manifest.partitions)
    store = Store(redis, Metrics())
    store.standing.migrates = True
    try:
        await store.check_fit()
        tell = begun(STORE, manifest.keys + manifest.read_again)
        await Restore(store, folder, manifest).run(tell, Pace(keys_s))
    finally:
        await store.close()


def put_back_into(target: Path, folder: Path, manifest: Manifest, begun: Begun) -> Counter[str]:
    """Put files of the archive back."""
    try:
        files = manifest.of(ARCHIVE)
        return put_back(folder, files, target, begun(ARCHIVE, manifest.archive_bytes))
    except OSError as error:
        raise ArchiveUnavailableError(f"archive: {error}") from error


def show(manifest: Manifest, found: Restored, took_s: float, *, dry_run: bool) -> None:
    """Say what was done, and what is to be done next."""
    click.echo(f"{told(manifest)}: all whole")
    if dry_run:
        click.echo("the store is empty; nothing was written")
        return
    counts = [
        f"{found.archive[each]:,} {word}" for each, word in WORDS.items() if each in found.archive
    ]
    files = f"; of the archive {', '.join(counts)}" if counts else ""
    click.echo(f"{found.keys:,} keys restored{files}; in {took_s:.1f} s")
    forgotten = " --forgotten" if found.forgotten else ""
    click.echo(f"next: psd replay --from {found.replay_from}{forgotten}")


WORDS = {
    "put": "files put back",
    "there": "were there",
    "other": "are others by now, and were left",
}

STOPPED = (
    "where keys were restored no psd works with the store until psd restore {} has ended, which "
    "goes on"
)
