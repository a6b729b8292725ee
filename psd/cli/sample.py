"""The real sample that ``psd up --sample`` loads: hourly steps of 33 people in spring 2016.

examples/README.md tells where it comes from. It is in the source checkout, not in the wheel.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from psd.cli.imports.import_output import progress_of
from psd.cli.imports.import_plan import Plan
from psd.cli.imports.import_routes import QueueRoute
from psd.cli.imports.import_sending import ImportTally, Sending
from psd.cli.imports.import_tables import Form, read_rows
from psd.cli.input_files import parts_of
from psd.cli.times import parse_time
from psd.config import Settings
from psd.config_things import needed_thing
from psd.domain.face import FaceSample
from psd.domains import named
from psd.embedded.drain import wait_until_drained
from psd.engine.plan import Range
from psd.errors import StartError
from psd.operations.import_journal import temporary
from server.faces import faces, ports_of

if TYPE_CHECKING:
    from psd.runtime import Runtime

THING = "steps"
"""What the file counts."""

BOARD_LINES = 10
WEEK_S = 7 * 86_400
HOUR_S = 3600

PLAN = Plan(
    file=Path(__file__).parents[2] / "examples" / "fitbit_hourly_steps.csv",
    form=Form("csv", ","),
    uid="Id",
    time="ActivityHour",
    time_format="%m/%d/%Y %H:%M",
    things={THING: "StepTotal"},
)


async def load_sample(runtime: Runtime) -> ImportTally:
    """Put the file on the queue and wait until the worker has booked all of it."""
    if not PLAN.file.is_file():
        raise StartError(
            f"{PLAN.file} is not there: the sample comes with the source checkout, "
            "not with the installed package"
        )
    topic = runtime.settings.queue.topic
    queue = runtime.new_queue()
    try:
        with (
            contextlib.closing(temporary()) as journal,
            PLAN.file.open("rb") as file,
            progress_of(PLAN.file) as progress,
        ):
            rows = read_rows(parts_of(file, progress), PLAN.form)
            route = QueueRoute(runtime, queue)
            sending = Sending(route, journal, runtime.settings, asks=False)
            tally = await sending.send(rows, PLAN)
    finally:
        await queue.close()
    await wait_until_drained(runtime.store, topic)
    return tally


def faces_with_samples(settings: Settings) -> list[str]:
    """The faces that are on and have something to look at, by name."""
    known = faces()
    return [
        name
        for name in ports_of(settings)
        if (face := known[name].face) is not None and face.sample
    ]


async def load_face_sample(runtime: Runtime, name: str) -> Sequence[str]:
    """Load what a face has to look at, likewise; lines to try."""
    face = faces()[name].face
    assert face is not None, "it has a sample"
    sample: FaceSample = named(face.sample)(runtime.clock.now_s())
    if sample.decide is not None:
        await sample.decide(runtime.parts[faces()[name].name])
    topic, queue = runtime.settings.queue.topic, runtime.new_queue()
    try:
        await queue.publish(topic, [msgspec.msgpack.encode(each) for each in sample.documents])
    finally:
        await queue.close()
    await wait_until_drained(runtime.store, topic)
    return sample.lines


def sample_thing(settings: Settings) -> int:
    """The number of the thing that the file counts; raises ConfigError where there is none."""
    return needed_thing(settings.things, THING, "the sample")


def users_and_last_week() -> tuple[list[int], Range]:
    """Everybody in the file, and the seven days that end with its last hour."""
    uids: set[int] = set()
    last_s = 0
    with PLAN.file.open("rb") as file:
        for row in read_rows(parts_of(file), PLAN.form):
            uids.add(int(row.cells[PLAN.uid]))
            last_s = max(last_s, parse_time(row.cells[PLAN.time], PLAN.time_format))
    end_s = last_s + HOUR_S
    return sorted(uids), Range(end_s - WEEK_S, end_s)


async def leaderboard(runtime: Runtime, uids: list[int], week: Range) -> list[tuple[int, int]]:
    """The users with the most steps in the week, and their steps. 1 Redis trip."""
    thing = sample_thing(runtime.settings)
    owners = await runtime.engine.sums(uids, [thing], [week] * len(uids))
    pairs = [(uid, owner.sums.get(thing, 0)) for uid, owner in zip(uids, owners, strict=True)]
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:BOARD_LINES]


def show_leaderboard(board: list[tuple[int, int]], week: Range) -> None:
    """Print the board."""
    start, end = (
        f"{dt.datetime.fromtimestamp(s, dt.UTC):%Y-%m-%d %H:%M}" for s in (week.start, week.end)
    )
    click.echo(f"\nMost steps from {start} to {end} UTC:\n")
    for place, (uid, steps) in enumerate(board, start=1):
        click.echo(f"{place:>4}. {uid:<12} {steps:>9,}")
