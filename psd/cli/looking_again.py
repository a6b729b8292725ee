"""An answer that is asked for and shown again and again, for ``psd watch`` and ``psd top --watch``.

On a terminal it is drawn in place. Elsewhere each answer that is another than the one before is
printed, with --json as a document a line::

    with asking.client() as psd:
        look_again(asking, lambda: psd.leaderboard("steps"), show, every_s=2.0, looks=None)
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from psd.cli.asking import Asking, is_looked_at
from psd.cli.interrupted import going_on

if TYPE_CHECKING:
    from psd.queries.results import LeaderboardAnswer

HOME_AND_CLEAR = "\x1b[H\x1b[J"
WATCHED = "what was shown stays as it was"


def look_again(
    asking: Asking,
    ask: Callable[[], LeaderboardAnswer],
    show: Callable[[LeaderboardAnswer], None],
    every_s: float,
    looks: int | None,
) -> None:
    """Ask and show until somebody ends it, or so many times."""
    is_drawn = is_looked_at() and asking.form == "table"
    last: object = None
    with going_on(WATCHED):
        for _ in _looks(every_s, looks):
            answer = ask()
            if not is_drawn and answer.data == last:
                continue
            last = answer.data
            if is_drawn:
                sys.stdout.write(HOME_AND_CLEAR)
            show(answer)
            if is_drawn:
                now = dt.datetime.now(dt.UTC)
                click.echo(f"{now:%H:%M:%S}Z  every {every_s:g} s, Ctrl-C ends it")
            sys.stdout.flush()


def _looks(every_s: float, looks: int | None) -> Iterator[int]:
    look = 0
    while True:
        look += 1
        yield look
        if look == looks:
            return
        time.sleep(every_s)
