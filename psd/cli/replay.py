"""``psd replay``: book a window of the archive again.

::

    $ psd replay --from 2016-04-12T10:00:00Z --to 2016-04-12T12:00:00Z
    18,204 entries read: 312 booked, 17,880 unchanged, 9 duplicate, 3 superseded
    $ psd replay --from 2016-04-12
    40,117 entries read: 2,310 booked, 37,795 unchanged, 12 decisions carried out
    $ psd replay --from 2016-04-12 --to 2016-04-13 --dry-run
    40,117 entries read: 2,310 would be booked, 37,795 unchanged, 12 superseded

What is left out, and why, is in psd/archive/replay.py.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path

import click
import msgspec

from psd.archive.decisions import Redone
from psd.archive.erasures import UserErased
from psd.archive.ownership import files_owned
from psd.archive.reader import END_MS, files_by_store, highest_number, oldest_ms
from psd.archive.redoing import Redoing
from psd.archive.replay import BATCH_EVENTS, AcceptedTimes, Progress, Replay, ReplaySummary
from psd.cli.options import pass_settings
from psd.cli.printing import json_option, show_json
from psd.cli.progress import progress
from psd.cli.times import time_argument
from psd.clock import SystemClock
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.domain.rules import every_rule
from psd.errors import ArchiveUnavailableError, ConfigError
from psd.runtime import open_runtime
from psd.store.redis import Store

HOUR_MS = 3_600_000

PREVIEWED_TOGETHER = 20_000
"""What a dry run sees of one activity in one batch, it counts as a real run does."""


class Replayed(msgspec.Struct):
    """What a replay came to, or would: ``outcomes`` are those of events."""

    entries: int
    outcomes: dict[str, int]
    superseded: int
    forgotten: int
    refused: int
    decisions: Redone
    damages: list[str]


def moment(text: str) -> int | None:
    """Read a time, or ``now`` (a click type): None, because a clock may have been ahead of now."""
    return None if text == "now" else time_argument(text)


@click.command()
@click.option(
    "--from", "start_s", required=True, type=time_argument, metavar="T", help="First second."
)
@click.option(
    "--to",
    "end_s",
    default="now",
    type=moment,
    metavar="T",
    help="End, exclusive. Default: now, with all that a clock accepted ahead of it.",
)
@click.option("--dry-run", is_flag=True, help="Ask the store what would be booked; write nothing.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="PATH",
    help="The archive. Default: setting archive.folder.",
)
@click.option(
    "--forgotten",
    is_flag=True,
    help="Also book increments and counts whose ids may be forgotten. Only for a store that "
    "was lost as a whole: in any other they count twice.",
)
@click.option(
    "--store",
    "stores",
    multiple=True,
    metavar="ID",
    help="Also book what was accepted for another store, of which this one takes the place. "
    "The names of the archive's files say which. Repeatable.",
)
@click.option(
    "--rate", type=click.IntRange(0), default=0, metavar="N", help="At most N events a second."
)
@json_option
@pass_settings
def replay(
    loaded: LoadedSettings,
    /,
    *,
    start_s: int,
    end_s: int | None,
    dry_run: bool,
    folder: Path | None,
    forgotten: bool,
    stores: tuple[str, ...],
    rate: int,
    as_json: bool,
) -> None:
    """Book again what was accepted from one time to another.

    The times are when psd accepted the messages, not those of their events: RFC 3339, a date, Unix
    seconds, or relative (-2h, yesterday). What the store still knows is not booked again, and what
    was corrected later stays corrected, so this can be run at any time, also while psd is working,
    and again after it was interrupted. What people decided (boards, finals, what was paid, who is
    barred) is carried out first, from the beginning of the window up to now. What was accepted
    for another store is left out. Exit code 1 when something was refused or could not be read.
    """
    if start_s < 0 or (end_s is not None and end_s <= start_s):
        raise click.UsageError(f"--from {start_s} must lie before --to {end_s}, and after 1970")
    settings = loaded.settings
    folder = folder or Path(settings.archive.folder)
    if not folder.is_dir():
        raise ConfigError(f"archive.folder = {str(folder)!r}: there is no such folder")
    window = AcceptedTimes(start_s * 1000, END_MS if end_s is None else end_s * 1000)
    try:
        with progress_of(folder, window) as told:
            summary = asyncio.run(
                run(
                    settings,
                    folder,
                    window,
                    told,
                    dry_run=dry_run,
                    forgotten=forgotten,
                    stores=stores,
                    rate=rate,
                )
            )
    except OSError as exc:
        # keep_days may delete a day while it is read.
        raise ArchiveUnavailableError(f"archive: {exc}") from exc
    show(summary, dry_run=dry_run, as_json=as_json)
    if not summary.is_whole:
        click.get_current_context().exit(1)


async def run(
    settings: Settings,
    folder: Path,
    window: AcceptedTimes,
    told: Progress,
    *,
    dry_run: bool,
    forgotten: bool,
    stores: Collection[str],
    rate: int,
) -> ReplaySummary:
    """Replay the window."""
    rules, horizon_s = every_rule(settings), settings.booking.dedupe_horizon_s
    async with contextlib.AsyncExitStack() as exits:
        runtime = await open_runtime(settings, replays=True)
        exits.push_async_callback(runtime.close)
        # What is accepted from now on comes behind what is booked again.
        runtime.store.order.reached(await asyncio.to_thread(highest_number, folder))
        owned = await files_to_read(runtime.store, folder, window, stores, dry_run=dry_run)
        clock = SystemClock()
        # Before anything is booked or computed: what was paid must never look unpaid.
        redoing = Redoing(folder, runtime.keepers(), owned, is_dry=dry_run)
        decisions = await redoing.run(window.from_ms)
        replaying = Replay(
            folder,
            runtime.preview() if dry_run else runtime.books,
            rules,
            clock,
            horizon_s,
            forgotten=forgotten,
            rate_events_s=rate,
            progress=told,
            batch_events=PREVIEWED_TOGETHER if dry_run else BATCH_EVENTS,
            stores=owned,
            erasures=redoing.erasures,
        )
        summary = await replaying.run(window)
        for decision in [] if dry_run else redoing.newer(UserErased):
            # Somebody was erased while his events were booked again.
            if not redoing.has_read(decision):
                await runtime.erasing.carry_out(decision)
        summary.decisions = decisions
        return summary


async def files_to_read(
    store: Store, folder: Path, window: AcceptedTimes, named: Collection[str], *, dry_run: bool
) -> frozenset[str]:
    """The stores whose files are booked; tells of what is left out."""
    found = files_by_store(folder, window.from_ms, window.to_ms)
    owned = files_owned(folder, await store.known_identity(), found, named)
    for other, files in owned.left_out.items():
        click.echo(f"left out: {files:,} files of another store (--store {other})", err=True)
    if owned.takes_name and not dry_run:
        await store.identity(owned.takes_name)
    return owned.stores


def show(summary: ReplaySummary, *, dry_run: bool, as_json: bool) -> None:
    """Print the summary; what was refused or spoiled goes to stderr."""
    for refusal in summary.refusals:
        click.echo(refusal, err=True)
    if summary.refused > len(summary.refusals):
        click.echo(f"... and {summary.refused - len(summary.refusals)} more refused", err=True)
    for refusal in summary.decisions.refusals:
        click.echo(refusal, err=True)
    for damage in summary.damages.values():
        click.echo(str(damage), err=True)
    if as_json:
        show_json(
            Replayed(
                summary.entries,
                dict(summary.outcomes),
                summary.superseded,
                summary.forgotten,
                summary.refused,
                summary.decisions,
                [str(each) for each in summary.damages.values()],
            )
        )
    else:
        click.echo(summary_line(summary, dry_run=dry_run))
    if summary.forgotten:
        click.echo(
            f"{summary.forgotten:,} increments and counts were left out: their ids are older than "
            "booking.dedupe_horizon_s, so that they cannot be told from what is booked. If the "
            "store was lost as a whole, run this again with --forgotten.",
            err=True,
        )


def summary_line(summary: ReplaySummary, *, dry_run: bool) -> str:
    """``18,204 entries read: 312 booked, 17,880 unchanged, 3 superseded``."""
    outcomes, decided = summary.outcomes, summary.decisions
    torn = sum(each.is_tail for each in summary.damages.values())
    counts = {
        "would be booked" if dry_run else "booked": outcomes["booked"],
        "unchanged": outcomes["unchanged"],
        "duplicate": outcomes["duplicate"],
        "withdrawn": outcomes["withdrawn"],
        "superseded": summary.superseded,
        "forgotten": summary.forgotten,
        "decisions would be carried out" if dry_run else "decisions carried out": decided.kept,
        "decisions known": decided.known,
        "refused": summary.refused + len(decided.refusals),
        "torn tails": torn,
        "spoiled frames": len(summary.damages) - torn,
    }
    parts = [f"{count:,} {name}" for name, count in counts.items() if count]
    return f"{summary.entries:,} entries read: {', '.join(parts) or 'nothing to book'}"


@contextlib.contextmanager
def progress_of(folder: Path, window: AcceptedTimes) -> Iterator[Progress]:
    """A bar over the time of acceptance on a terminal's stderr; nothing elsewhere."""
    first_ms = max(window.from_ms, oldest_ms(folder) or window.from_ms)
    last_ms = max(first_ms + 1, min(window.to_ms, SystemClock().now_ms()))
    hours = (last_ms - first_ms) / HOUR_MS
    with progress("replay", hours, "hours of the archive") as bar:
        yield lambda reached_ms: bar.reach((reached_ms - first_ms) / HOUR_MS, hours)
