"""``psd activities``: the activities of a user, from a server, and how one is taken back.

::

    $ psd activities 11 --thing steps --start 2016-04-12 --end 2016-04-13
     aid  atid  steps  bookings  first                 last
       1     0   9000         1  2016-04-12T08:59:59Z  2016-04-12T08:59:59Z
    $ psd activities 11 --withdraw 1 --note "counted twice"
    $ psd activities 11 --audit
"""

from __future__ import annotations

from typing import Any

import click

from psd.cli.arguments import USER, NumbersCommand
from psd.cli.asking import Asking, asks, given, range_options, tell_next, zone_option
from psd.queries.activity_answers import ActivitiesAnswer, TakenRow
from psd.queries.requests import LIMIT_MAX

LIMIT = 100


@click.command(cls=NumbersCommand)
@click.argument("uid", type=USER)
@click.option("--thing", multiple=True, help="Only of this thing. Repeatable.")
@range_options
@zone_option
@click.option("--limit", type=click.IntRange(1, LIMIT_MAX), help=f"How many. Default: {LIMIT}.")
@click.option("--cursor", help="What the page before gave.")
@click.option("--withdraw", "aid", type=int, metavar="AID", help="Take this one back, for good.")
@click.option("--note", help="Why; it stands in the user's log.")
@click.option("--audit", is_flag=True, help="Print the withdrawals instead, the newest first.")
@asks
def activities(
    asking: Asking,
    /,
    *,
    uid: int | str,
    aid: int | None,
    note: str | None,
    audit: bool,
    **fields: Any,
) -> None:
    """Print the activities of a user, or take one back.

    A running server is asked. What is withdrawn counts nowhere any more, and its reports are not
    booked again.
    """
    asked = given(**fields)
    if aid is None and note is not None:
        raise click.UsageError("--note belongs to --withdraw")
    if aid is not None and (asked or audit):
        raise click.UsageError("--withdraw stands alone, or with --note")
    if audit and asked.keys() - {"limit", "cursor"}:
        raise click.UsageError("--audit goes with --limit and --cursor alone")
    if aid is not None:
        _withdraw(asking, uid, aid, note or "")
    elif audit:
        _show_audit(asking, uid, asked)
    else:
        with asking.client() as psd:
            _show(asking, psd.activities(str(uid), **asked))


def _show(asking: Asking, answer: ActivitiesAnswer) -> None:
    things = list(dict.fromkeys(thing for row in answer.data for thing in row.sums))
    names = ["aid", "atid", *things, "bookings", "first", "last"]
    cells = [
        [
            row.aid,
            str(row.atid),
            *(str(row.sums.get(thing, "-")) for thing in things),
            str(row.bookings),
            row.first,
            row.last,
        ]
        for row in answer.data
    ]
    asking.show(answer, answer.flat(), names, cells, {*range(len(things) + 3)})
    if asking.form != "json":
        tell_next(answer.next)


def _withdraw(asking: Asking, uid: int | str, aid: int, note: str) -> None:
    with asking.client() as psd:
        answer = psd.withdraw(str(uid), str(aid), note)
    names = ["thing", "atid", "sum", "bookings", "first", "last"]
    cells = [
        [row.thing, str(row.atid), str(row.sum), str(row.bookings), row.first, row.last]
        for row in answer.taken
    ]
    asking.show(answer, answer.taken, names, cells, {1, 2, 3})
    click.echo(f"activity {answer.aid} of user {answer.uid}: {answer.status}", err=True)


def _show_audit(asking: Asking, uid: int | str, asked: dict[str, Any]) -> None:
    with asking.client() as psd:
        answer = psd.audit(str(uid), **asked)
    names = ["at", "aid", "by", "taken", "note"]
    cells = [[row.at, row.aid, row.by, _taken_text(row.taken), row.note] for row in answer.data]
    asking.show(answer, answer.data, names, cells, {1})
    if asking.form != "json":
        tell_next(answer.next)


def _taken_text(taken: list[TakenRow]) -> str:
    return ", ".join(f"{row.sum} {row.thing}" for row in taken) or "-"
