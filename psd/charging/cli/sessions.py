"""``psd charging sessions``, ``export``, ``restore``: what was charged, and what it came to.

::

    $ psd charging sessions --customer u1
     session  from                  to                    plug  owner  kWh       cents
     id-2     2024-08-18T00:00:01Z  2024-08-18T00:13:26Z  p1    u1     0.400133     12
    $ psd charging export --ocpi --after 2024-08-01 > august.json
    $ psd charging restore
    3 accounts and sessions looked at, 1 put right
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import click
import msgspec

from psd.charging.part import ChargingPart
from psd.charging.plugs.plug_questions import asked_ms
from psd.charging.sessions.session_answers import SessionRow, SessionRows, session_row
from psd.charging.sessions.session_reads import SessionMark, SessionScope
from psd.charging.sessions.session_store import ChargeSession
from psd.cli.options import pass_settings
from psd.cli.printing import Form, forms, say, show_json, show_rows
from psd.cli.query import running
from psd.clock import SystemClock, utc_text
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.errors import BadQueryError
from psd.foreign_texts import on_terminal

PAGE = 1_000
FAILED = 1
COLUMNS = ("session", "from", "to", "plug", "owner", "kWh", "cents")


def _after(_context: click.Context, _parameter: click.Parameter, value: str) -> int:
    """The millisecond of a time as people write it."""
    if not value:
        return -1
    try:
        return asked_ms(value, "after", SystemClock().now_ms())
    except BadQueryError as exc:
        raise click.BadParameter(str(exc)) from exc


after_option = click.option(
    "--after",
    "after_ms",
    default="",
    callback=_after,
    metavar="TIME",
    help="Those that ended behind it: RFC 3339, a date, or relative to now.",
)
customer_option = click.option("--customer", default="", metavar="ID", help="Of this customer.")
site_option = click.option("--site", default="", metavar="ID", help="Of this site.")


@click.command()
@customer_option
@site_option
@click.option("--plug", default="", metavar="ID", help="Of this plug.")
@after_option
@click.option(
    "--limit",
    type=click.IntRange(1, PAGE),
    default=50,
    show_default=True,
    metavar="N",
    help="The newest so many.",
)
@forms
@pass_settings
def sessions(
    loaded: LoadedSettings,
    /,
    *,
    customer: str,
    site: str,
    plug: str,
    after_ms: int,
    limit: int,
    form: Form,
) -> None:
    """Show sessions that have ended, the newest first.

    psd charging sessions --customer u1 --after -30d --csv
    """
    scope = SessionScope(customer, site, plug)
    found = asyncio.run(_newest(loaded.settings, scope, after_ms, limit))
    cells = [
        [
            *(each.session_id, utc_text(each.start_ms // 1000), utc_text(each.finish_ms // 1000)),
            *(each.plug_id, each.owner_id, f"{each.total_kwh:.6f}", str(each.cents)),
        ]
        for each in found.data
    ]
    show_rows(form, found.data, COLUMNS, cells, {5, 6}, found)


@click.command()
@click.option("--ocpi", is_flag=True, help="As CDRs of OCPI 2.2.1, with credits of corrected ones.")
@customer_option
@site_option
@after_option
@pass_settings
def export(
    loaded: LoadedSettings, /, *, ocpi: bool, customer: str, site: str, after_ms: int
) -> None:
    """Write all sessions that have ended to stdout, a JSON object a line, the newest first.

    psd charging export --ocpi --after 2024-08-01 > cdrs.jsonl
    """
    count = asyncio.run(
        _exported(loaded.settings, SessionScope(customer, site), after_ms, ocpi=ocpi)
    )
    say(f"{count} written", err=True)


@click.command()
@pass_settings
def restore(loaded: LoadedSettings) -> None:
    """Put right what follows from ledgers and sessions: balances, ids, bookings.

    It is what psd verify --repair does, for charging alone; ledgers themselves are never changed.
    What cannot be put right is told, and ends with exit code 1.

    psd charging restore
    """
    looked_at, repaired, left = asyncio.run(_restored(loaded.settings))
    say(f"{looked_at} accounts and sessions looked at, {repaired} put right")
    if left:
        say("\n".join(left), err=True)
        sys.exit(FAILED)


async def _newest(
    settings: Settings, scope: SessionScope, after_ms: int, limit: int
) -> SessionRows:
    async with running(settings) as runtime:
        reads = runtime.part(ChargingPart).services.session_reads
        found, following = await reads.page(scope, after_ms, None, limit)
        rows: list[SessionRow] = [session_row(each) for each in found]
        return SessionRows(rows, None if following is None else following.text)


async def _exported(settings: Settings, scope: SessionScope, after_ms: int, *, ocpi: bool) -> int:
    count = 0
    async with running(settings) as runtime:
        part = runtime.part(ChargingPart)
        async for page in _pages(part, scope, after_ms):
            rows: list[msgspec.Struct] = [session_row(each) for each in page]
            if ocpi:
                rows = [*await part.web.sessions.records(page)]
            show_json(*rows)
            count += len(rows)
    return count


async def _pages(
    part: ChargingPart, scope: SessionScope, after_ms: int
) -> AsyncIterator[list[ChargeSession]]:
    before: SessionMark | None = None
    while True:
        found, before = await part.services.session_reads.page(scope, after_ms, before, PAGE)
        yield found
        if before is None:
            return


async def _restored(settings: Settings) -> tuple[int, int, list[str]]:
    """How many were looked at and put right, and what is still wrong."""
    looked_at, repaired, left = 0, 0, []
    async with running(settings, archiving=True) as runtime:
        audit = runtime.part(ChargingPart).audit
        assert audit is not None, "charging has one"
        async for audited in audit(repair=True):
            looked_at += 1
            if audited.outcome == "repaired":
                repaired += 1
            elif audited.outcome != "clean":
                left.append(on_terminal(f"{audited.prefix}: {audited.outcome}"))
    return looked_at, repaired, left
