"""``psd migrate``: move what another store holds into this one.

::

    $ psd migrate --from redis://10.0.0.7:6379/0 --dry-run
    from version 3 to version 4 of 1: columns of boards are made anew, and every owner is audited
    12,345 keys would be moved, 12,101 of them under the tag of a partition (1), 3 left out
    $ psd migrate --from redis://10.0.0.7:6379/0
    12,345 keys moved, 12,101 of them under the tag of a partition (1)
    2,412 audited: 2,412 clean; 0 differences

How they are moved, and what makes it safe, is in psd/store/migration.py.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import click
import msgspec

from psd.cli.interrupted import going_on
from psd.cli.options import pass_settings
from psd.cli.printing import show_json
from psd.cli.progress import progress
from psd.cli.query import running
from psd.config import RedisSettings, Settings
from psd.config_sources import LoadedSettings
from psd.errors import ConfigError
from psd.foreign_texts import on_one_line
from psd.observe.metrics import Metrics
from psd.operations.auditing import Orders, audit_summary, bucket_audits, sweeping
from psd.secrets import masked
from psd.store.filling import Filling
from psd.store.keys import SCHEMA_VERSION
from psd.store.migration import Migration, MovedKeys, Origin, counted, origin_of
from psd.store.moved_names import MovedNames
from psd.store.partitions import IN_A_CLUSTER, ON_ONE_SERVER, Partitions
from psd.store.redis import Store
from psd.store.routed import RoutedLane

TRIP_S = 60.0
"""Longest wait for an answer: a stream of a million messages is one key, some 100 MB."""

SCHEMES = ("redis", "rediss", "unix")


def store_url(text: str) -> str:
    """Read the address of a store (a click type)."""
    if urlsplit(text).scheme not in SCHEMES:
        raise click.BadParameter(
            f"{masked(text)!r} does not begin with redis://, rediss:// or unix://"
        )
    return text


@click.command()
@click.option(
    "--from",
    "origin",
    required=True,
    type=store_url,
    metavar="URL",
    help="The store that is moved, redis://host:port/db; it is only read.",
)
@click.option("--dry-run", is_flag=True, help="Count what would be moved; write nothing.")
@click.option("--no-verify", is_flag=True, help="Do not audit what was moved.")
@click.option("--json", "as_json", is_flag=True, help="With --dry-run: JSON instead of text.")
@pass_settings
def migrate(
    loaded: LoadedSettings, /, *, origin: str, dry_run: bool, no_verify: bool, as_json: bool
) -> None:
    """Move what another store holds into this one.

    This one (redis.url) must be empty. The other one is of a version before, or has another number
    of partitions (redis.partitions), or is a cluster where this is a single server, or the other
    way round. Stop every psd that books in it: where it was written to meanwhile this ends with
    exit code 75. Until all is moved and audited no psd works with this store. A migration that was
    broken off is begun anew by the same command. Exit code 1 when the audit found what it could
    not repair.
    """
    settings = patient(loaded.settings)
    if as_json and not dry_run:
        raise click.UsageError("--json tells what --dry-run found; give both")
    if dry_run:
        found = asyncio.run(preview(settings, origin))
        if as_json:
            show_json(found)
        else:
            click.echo(preview_text(found))
        return
    with going_on("no psd works with this store until psd migrate has ended, which begins anew"):
        told, outcomes = asyncio.run(migrated(settings, origin, verifies=not no_verify))
    click.echo(told)
    if outcomes is not None and outcomes["found"] + outcomes["busy"]:
        click.get_current_context().exit(1)


def patient(settings: Settings) -> Settings:
    """The same with time for trips of many large keys."""
    timeout_s = max(settings.redis.timeout_s, TRIP_S)
    redis = msgspec.structs.replace(settings.redis, timeout_s=timeout_s)
    return msgspec.structs.replace(settings, redis=redis)


class MovePreview(msgspec.Struct):
    """What a migration would do; of stores of version 3 and before there are no partitions."""

    version: str
    partitions: int | None
    to_version: str
    to_partitions: int
    keys: int
    tagged: int
    left: int
    makes_columns: bool
    """Whether columns of boards are made anew, and every owner is audited for that."""


async def preview(settings: Settings, origin: str) -> MovePreview:
    """What would be moved; raises ConfigError where the store is none to move it into."""
    async with reading(settings, origin) as (lane, found):
        store = Store(settings.redis, Metrics())
        try:
            async with store.lane_to_anyone() as target:
                await Filling(store, masked(origin), "migration").check_empty(target)
            kind = IN_A_CLUSTER if store.cluster.is_spread else ON_ONE_SERVER
        finally:
            await store.close()
        partitions = Partitions(settings.redis.partitions or kind)
        names = MovedNames(found.schema, found.partitions, partitions)
        moved = await counted(lane, names)
        return MovePreview(
            found.schema,
            found.partitions.count if found.partitions else None,
            SCHEMA_VERSION,
            partitions.count,
            moved.keys,
            moved.tagged,
            moved.left,
            not names.keeps_columns,
        )


def preview_text(found: MovePreview) -> str:
    """What would be done, in two lines."""
    version = f"version {found.version}" if found.version else "no version"
    held = f" of {found.partitions} partitions" if found.partitions else ""
    columns = (
        "made anew, and every owner is audited" if found.makes_columns else "moved as they are"
    )
    return (
        f"from {version}{held} to version {found.to_version} of {found.to_partitions}: columns of "
        f"boards are {columns}\n"
        f"{found.keys:,} keys would be moved, {found.tagged:,} of them under the tag of a "
        f"partition ({found.to_partitions}), {found.left:,} left out"
    )


async def migrated(
    settings: Settings, origin: str, *, verifies: bool
) -> tuple[str, Counter[str] | None]:
    """Move everything; what was done in words, and what became of owners, if they were audited."""
    async with reading(settings, origin) as (lane, found):
        store = Store(settings.redis, Metrics())
        store.standing.migrates = True
        try:
            await store.check_fit()
            partitions = (await store.placed()).partitions
            names = MovedNames(found.schema, found.partitions, partitions)
            with progress("moved", found.keys, "keys") as bar:
                filling = Filling(store, masked(origin), "migration")
                migration = Migration(lane, filling, names, bar.advance)
                await filling.begin(clears=True)
                moved = await migration.move()
            told = moved_text(moved, partitions)
            outcomes = None
            if verifies or not names.keeps_columns:
                outcomes, differences = await repaired(settings)
                told += "\n" + audit_summary(outcomes, differences)
            await filling.end()
        finally:
            await store.close()
    return told, outcomes


async def repaired(settings: Settings) -> tuple[Counter[str], int]:
    """Audit everything, and write what earlier versions had otherwise: owners by outcome."""
    outcomes: Counter[str] = Counter()
    differences = 0
    orders = Orders(None, None, repair=True, rate=0, archive=None)
    with progress("audited", 0, "users' things") as bar:
        async with (
            running(settings, migrates=True, any_columns=True) as runtime,
            sweeping(runtime, orders) as sweep,
        ):
            async for audited in bucket_audits(sweep, runtime.store, settings, orders, bar):
                outcomes[audited.outcome] += 1
                differences += len(audited.differences)
                if audited.outcome in ("found", "busy"):
                    for difference in audited.differences:
                        click.echo(on_one_line(str(difference)))
    return outcomes, differences


@contextlib.asynccontextmanager
async def reading(settings: Settings, origin: str) -> AsyncIterator[tuple[RoutedLane, Origin]]:
    """A lane to the store that is moved, and what it is."""
    store = Store(settings_of(settings, origin).redis, Metrics())
    try:
        async with store.lane_to_anyone() as lane:
            yield lane, await origin_of(lane)
    finally:
        await store.close()


def settings_of(settings: Settings, origin: str) -> Settings:
    """The settings by which the store of ``--from`` is reached, without sentinels between.

    Raises ConfigError where it is the store into which it would be moved.
    """
    redis = msgspec.structs.replace(
        settings.redis, url=origin, cluster="auto", partitions=0, sentinel=()
    )
    if address(redis) == address(settings.redis):
        raise ConfigError(f"--from: {masked(origin)} is redis.url, into which it would be moved")
    return msgspec.structs.replace(settings, redis=redis)


def address(redis: RedisSettings) -> tuple[str | None, int | None, str]:
    """Where a store is, without who asks."""
    parts = urlsplit(redis.url)
    return parts.hostname, parts.port, parts.path.rstrip("/") or "/0"


def moved_text(moved: MovedKeys, partitions: Partitions) -> str:
    """``12,345 keys moved, 12,101 of them under the tag of a partition (1)``."""
    return (
        f"{moved.keys:,} keys moved, {moved.tagged:,} of them under the tag of a partition "
        f"({partitions.count})"
    )
