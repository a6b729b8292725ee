"""``psd names``: which names are known, and which user each is.

::

    $ psd names alice@example.com 6640487069386845243
    alice@example.com  6640487069386845243
    $ psd names --prefix alice --json
    [{"name":"alice@example.com","uid":"6640487069386845243"}]
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click
import msgspec

from psd.cli.arguments import USER, NumbersCommand
from psd.cli.options import pass_settings
from psd.cli.printing import Form, forms, show_json, show_table, write_csv
from psd.cli.query import running
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.users import user_of

LIMIT = 1000


class NameRow(msgspec.Struct, frozen=True):
    """A name that is known, and its number."""

    name: str
    uid: str


@click.command(cls=NumbersCommand)
@click.argument("users", type=USER, nargs=-1, metavar="[NAME|UID]...")
@click.option("--prefix", metavar="TEXT", help="All names that begin so; '' is all.")
@click.option(
    "--limit", type=click.IntRange(1), default=LIMIT, show_default=True, help="How many at most."
)
@forms
@pass_settings
def names(
    loaded: LoadedSettings,
    /,
    *,
    users: tuple[int | str, ...],
    prefix: str | None,
    limit: int,
    form: Form,
) -> None:
    """Look up users' names.

    By name, by number, or by how they begin. Exit code 1 when one that was asked for is not known.
    """
    if bool(users) == (prefix is not None):
        raise click.UsageError("say names or numbers, or --prefix")
    found = asyncio.run(_found(loaded.settings, users, prefix, limit))
    if form == "json":
        show_json(found)
    elif form == "csv":
        write_csv(found)
    elif found:
        show_table(("name", "uid"), [(row.name, row.uid) for row in found], right={1})
    known = {int(row.uid) for row in found}
    missing = [user for user in users if user_of(user) not in known]
    for user in missing:
        click.echo(f"{user}: not known", err=True)
    if missing:
        click.get_current_context().exit(1)


async def _found(
    settings: Settings, users: Sequence[int | str], prefix: str | None, limit: int
) -> list[NameRow]:
    async with running(settings) as runtime:
        registry = runtime.engine.names
        if prefix is not None:
            listed = await registry.beginning(prefix, limit)
        else:
            uids = list(dict.fromkeys(map(user_of, users)))
            by_uid = await registry.names(uids)
            listed = [(uid, by_uid[uid]) for uid in uids if uid in by_uid]
    return [NameRow(name, str(uid)) for uid, name in listed]
