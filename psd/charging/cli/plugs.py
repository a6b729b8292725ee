"""``psd charging plugs``, ``fuses``, ``request``: what sites are, and asking a plug for something.

::

    $ psd charging plugs
     plug  site  state     owner  amps  kWh       cents  queue
     p1    s1    CHARGING  u1     10.0  0.400133     12
    $ psd charging fuses --site s1
     site  fuse  limit  amps  reserved  state     queue
     s1    f1    32.0   10.0  27.0      LIMITING  p2, p3
    $ psd charging request p1 disable --as u1
    p1: done
"""

from __future__ import annotations

import asyncio
import uuid

import click
import msgspec

from psd.archive.entries import Entry
from psd.charging.charging_events import plug_request
from psd.charging.charging_messages import PlugRequestFields
from psd.charging.part import ChargingPart
from psd.charging.plugs.plug_answers import PlugStatus, ShownFuse
from psd.charging.plugs.states import PlugState, RequestStatus
from psd.charging.settings import ChargingSettings
from psd.charging.sites.site_store import RequestResult
from psd.cli.options import pass_settings
from psd.cli.printing import Form, forms, say, show_json, show_rows
from psd.cli.query import running
from psd.clock import SystemClock
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.engine.event_rules import rules_of
from psd.errors import ConfigError, NotFoundError

OK = 1

site_option = click.option("--site", metavar="ID", help="Of this site alone. Default: all.")


class PrintedPlug(msgspec.Struct, frozen=True):
    """A plug as a line."""

    plug: str
    site: str
    state: str
    owner: str
    session: str
    amps: float | None
    kwh: float
    cents: int
    queue_position: int


class PrintedFuse(msgspec.Struct, frozen=True):
    """A fuse as a line, in amperes; the site's own has no name."""

    site: str
    fuse: str
    parent: str
    limit: float
    amps: float
    reserved: float
    state: str
    queue: list[str]


@click.command()
@site_option
@forms
@pass_settings
def plugs(loaded: LoadedSettings, /, *, site: str | None, form: Form) -> None:
    """Show plugs: their state, whose they are, and what their sessions have come to.

    psd charging plugs --site s1 --json
    """
    rows = asyncio.run(_plugs(loaded.settings, site))
    cells = [
        [
            *(each.plug, each.site, each.state, each.owner),
            "" if each.amps is None else f"{each.amps:.1f}",
            *(f"{each.kwh:.6f}", str(each.cents)),
            str(each.queue_position or ""),
        ]
        for each in rows
    ]
    names = ("plug", "site", "state", "owner", "amps", "kWh", "cents", "queue")
    show_rows(form, rows, names, cells, {4, 5, 6, 7})


@click.command()
@site_option
@forms
@pass_settings
def fuses(loaded: LoadedSettings, /, *, site: str | None, form: Form) -> None:
    """Show fuses: their limit, what they carry and have promised, and who waits.

    psd charging fuses --site s1
    """
    rows = asyncio.run(_fuses(loaded.settings, site))
    cells = [
        [
            *(each.site, each.fuse or "(site)", f"{each.limit:.1f}" if each.limit else "-"),
            *(f"{each.amps:.1f}", f"{each.reserved:.1f}", each.state, ", ".join(each.queue)),
        ]
        for each in rows
    ]
    names = ("site", "fuse", "limit", "amps", "reserved", "state", "queue")
    show_rows(form, rows, names, cells, {2, 3, 4})


@click.command()
@click.argument("plug")
@click.argument("state")
@click.option("--as", "user", required=True, metavar="USER", help="Who asks for it.")
@click.option("--id", "id_", metavar="ID", help="The same id is done once. Default: a new one.")
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
@pass_settings
def request(
    loaded: LoadedSettings,
    /,
    *,
    plug: str,
    state: str,
    user: str,
    id_: str | None,
    as_json: bool,
) -> None:
    """Ask PLUG for a STATE: enable, disable, again, or a state by name or number.

    What is refused ends with exit code 1 and says why.

    psd charging request p1 enable --as u1
    """
    if not loaded.settings.of(ChargingSettings).enabled:
        raise ConfigError("charging.enabled: it is off, so no plug makes a step")
    wanted = int(state) if state.isascii() and state.isdecimal() else state
    fields = PlugRequestFields(id_ or uuid.uuid4().hex, plug, user, wanted)
    result = asyncio.run(_request(loaded.settings, fields))
    if as_json:
        told = {name: getattr(result, name) for name in ("time_entered_state", "status", "reason")}
        show_json(told)
    if result.status != RequestStatus.SUCCESS:
        raise click.ClickException(f"{plug}: {result.reason}")
    if not as_json:
        say(f"{plug}: done")


async def _plugs(settings: Settings, site: str | None) -> list[PrintedPlug]:
    async with running(settings) as runtime:
        part = runtime.part(ChargingPart)
        found = []
        for name in await _sites(part, site):
            view = await part.services.store.view(name)
            for plug in sorted(view.plugs):
                found.append(_plug_line(await part.web.plugs.status(view, plug)))
        return found


async def _fuses(settings: Settings, site: str | None) -> list[PrintedFuse]:
    async with running(settings) as runtime:
        part = runtime.part(ChargingPart)
        found = []
        for name in await _sites(part, site):
            view = await part.services.store.view(name)
            found += [_fuse_line(name, each) for each in part.web.sites.fuses(view)]
        return found


async def _sites(part: ChargingPart, site: str | None) -> list[str]:
    """The sites that are asked about; raises NotFoundError for one that there is not."""
    sites = await part.services.store.sites()
    if site is None:
        return sites
    if site not in sites:
        raise NotFoundError(f"site: {site} has announced no plug")
    return [site]


async def _request(settings: Settings, fields: PlugRequestFields) -> RequestResult:
    """What became of a request, which is archived as the one that HTTP takes."""
    async with running(settings, archiving=True) as runtime:
        store = runtime.part(ChargingPart).services.store
        site = await store.site_of(fields.plug_id)
        if site is None:
            raise NotFoundError(f"plug: no site has announced {fields.plug_id}")
        now_ms = SystemClock().now_ms()
        asked = plug_request(fields, now_ms // 1000, rules_of(settings))
        body = msgspec.json.encode({"command": "plug_request", "plug_request": fields})
        [outcome] = await runtime.intake.accept([asked], lambda: [Entry(now_ms, "", body)])
        if outcome.error is not None:
            raise outcome.error
        result = await store.requested(site, fields.id, now_ms)
        assert result is not None, "it was done"
        return result


def _plug_line(status: PlugStatus) -> PrintedPlug:
    details, reading = status.state_machine_details, status.latest_reading
    return PrintedPlug(
        plug=status.id,
        site=status.site_id,
        state=PlugState(status.state.state).name,
        owner=details.current_owner,
        session=details.session_id,
        amps=None if reading is None else reading.current,
        kwh=status.kwh,
        cents=status.cents,
        queue_position=details.queue_position,
    )


def _fuse_line(site: str, fuse: ShownFuse) -> PrintedFuse:
    state = "OK" if fuse.state == OK else "LIMITING"
    return PrintedFuse(
        site,
        fuse.id,
        fuse.parent,
        fuse.current_limit,
        fuse.current,
        fuse.reserved,
        state,
        fuse.queue,
    )
