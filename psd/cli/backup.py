"""``psd backup``: a copy of store and archive, of one moment, while everybody works.

::

    $ psd backup /backups/2016-04-12
    12,345 keys as of 2016-04-12T12:00:04Z, 4.2 MB, and 31 files of the archive, 1.2 MB, in 2.1 s
    what is accepted from now on is in the archive: psd replay --from 2016-04-12T11:50:04Z

How it is of one moment is in psd/backup/store_copy.py, what it consists of in manifest.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from psd.backup.manifest import ARCHIVE, Manifest
from psd.backup.taking import Begun, take, unfinished
from psd.cli.interrupted import going_on
from psd.cli.options import pass_settings
from psd.cli.printing import json_option, show_json
from psd.cli.progress import progress_of_parts
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.errors import ConfigError, StoreUnavailableError
from psd.observe.metrics import Metrics
from psd.store.redis import Store

TRIP_S = 60.0
"""Longest wait for an answer: a stream of a million messages is one key, some 100 MB."""

ARCHIVES = click.option(
    "--archive",
    "archives",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="An archive of this store, instead of setting archive.folder. Repeatable, for the "
    "folders of several machines.",
)
RATE = click.option(
    "--rate",
    type=click.FloatRange(0),
    default=0,
    metavar="N",
    help="At most N keys a second; 0, the default, is as fast as it goes.",
)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@ARCHIVES
@click.option("--no-archive", is_flag=True, help="The store alone.")
@RATE
@json_option
@pass_settings
def backup(
    loaded: LoadedSettings,
    /,
    *,
    folder: Path,
    archives: tuple[Path, ...],
    no_archive: bool,
    rate: float,
    as_json: bool,
) -> None:
    """Copy the store and the archive.

    DIR gets both as they are at one moment. Workers and servers go on meanwhile; at the end whoever
    writes waits for some hundredths of a second. DIR must not be there, or be empty; it is there
    once the backup is whole. `psd restore DIR` brings it back, and `psd replay` what was accepted
    since.
    """
    if archives and no_archive:
        raise click.UsageError("--archive and --no-archive contradict each other")
    settings = patient(loaded.settings)
    folders = [] if no_archive else [*archives] or own_archive(settings)
    began_s = time.monotonic()
    try:
        with (
            going_on(f"nothing is left of it: psd backup {folder} begins anew"),
            unfinished(folder) as within,
            progress_of_parts(store="keys", archive="bytes") as bars,
        ):
            manifest = asyncio.run(run(settings, within, folders, bars, rate))
    except StoreUnavailableError as error:
        again = "nothing is left of this backup: make it again"
        raise StoreUnavailableError(f"{error}; {again}") from error
    except OSError as error:
        raise ConfigError(f"{folder}: it cannot be written ({error.strerror})") from error
    if as_json:
        show_json(manifest)
        return
    click.echo(f"{told(manifest)}, in {time.monotonic() - began_s:.1f} s")
    if not folders:
        click.echo("without the archive, which is to be kept by other means", err=True)
    click.echo(f"what is accepted since is booked by psd replay --from {manifest.replay_from}")


def patient(settings: Settings) -> Settings:
    """The same with time for trips of many large keys."""
    timeout_s = max(settings.redis.timeout_s, TRIP_S)
    redis = msgspec.structs.replace(settings.redis, timeout_s=timeout_s)
    return msgspec.structs.replace(settings, redis=redis)


def own_archive(settings: Settings) -> list[Path]:
    """The folder of the settings; none where nothing is archived."""
    folder = Path(settings.archive.folder)
    if not settings.archive.enabled and not folder.is_dir():
        return []
    if not folder.is_dir():
        raise ConfigError(
            f"archive.folder = {str(folder)!r}: there is no such folder; name it by --archive, or "
            "leave it out by --no-archive"
        )
    return [folder]


async def run(
    settings: Settings, within: Path, archives: Sequence[Path], begun: Begun, keys_s: float
) -> Manifest:
    """Write all of it."""
    store = Store(settings.redis, Metrics())
    try:
        await store.check_fit()
        return await take(store, within, archives, begun, keys_s)
    finally:
        await store.close()


def told(manifest: Manifest) -> str:
    """``12,345 keys as of 2016-04-12T12:00:04Z, 4.2 MB, and 31 files of the archive, 1.2 MB``."""
    text = f"{manifest.keys:,} keys as of {manifest.as_of}, {megabytes(manifest.store_bytes)}"
    files = len(manifest.of(ARCHIVE))
    if files:
        text += f", and {files:,} files of the archive, {megabytes(manifest.archive_bytes)}"
    return text


def megabytes(size: int) -> str:
    """``4_203_518`` -> ``"4.2 MB"``."""
    return f"{size / 1e6:,.1f} MB"
