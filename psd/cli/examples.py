"""What stands below the options of each command: how it is called. Those of domains are theirs.

::

    EXAMPLES = {"boards rm": ("psd boards rm april",)}
    $ psd boards rm --help
    ...

Examples:
      psd boards rm april

A test holds that each command has one and that the command reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

Examples = Mapping[str, Sequence[str]]
"""Lines by the words of a command, as they follow that of the group."""

EXAMPLES: Examples = {
    "up": ("psd up --sample", "psd up --data /var/lib/psd --port 1155"),
    "server": ("psd server --host 0.0.0.0 --processes 2",),
    "worker": ("psd worker --queue nsq --nsqd 10.0.0.1:4150 --metrics-port 9101",),
    "publish": ("psd publish events.ndjson", "zcat events.gz | psd publish"),
    "import": (
        "psd import steps.csv --uid Id --time At --thing steps=Steps --dry-run",
        "psd import steps.csv --uid Id --time At --thing steps=Steps --tz Europe/Berlin",
        "psd import --list",
        "psd import --undo 20160412-083015-x7k2",
        "psd import out",
    ),
    "export": (
        "psd export bookings out --format parquet --start 2016-04-12 --thing steps",
        "psd export bookings out --format parquet --start 2016-04-12 --thing steps --resume",
        "psd export boards > boards.ndjson",
    ),
    "verify": ("psd verify", "psd verify 1503960366 --thing steps --repair"),
    "seal": ("psd seal --thing steps --dry-run",),
    "migrate": ("psd migrate --from redis://10.0.0.7:6379/0 --dry-run",),
    "backup": ("psd backup /backups/2016-04-12",),
    "restore": ("psd restore /backups/2016-04-12 --dry-run",),
    "convert pointspaced": (
        "psd convert pointspaced --from redis://10.0.0.7:6379/0 --dry-run",
        "psd convert pointspaced --from redis://10.0.0.7:6379/0 --coarse refuse",
    ),
    "query": ("psd query steps 7 2016-04-12 2016-04-13", "psd query steps 7 -7d now --json"),
    "sum": (
        "psd sum steps 11 22 --start 2016-04-12 --end 2016-04-13",
        "psd sum steps,calories 11 --start -7d --aggregates sum,max,first --json",
    ),
    "series": (
        "psd series steps 11 --every day --tz Europe/Berlin --start 2016-04-01 --bars",
        "psd series steps 11 22 --every hour --start today --csv > hours.csv",
    ),
    "top": (
        "psd top steps --start 2016-04-12 --end 2016-04-13 --limit 3",
        "psd top --board april --watch",
    ),
    "watch": ("psd watch steps --start today", "psd watch --board april --every-s 5"),
    "around": ("psd around steps 22 --span 2",),
    "compare": ("psd compare steps --start 2016-04-12 --compare-to 2016-04-12T08:00:00Z",),
    "activities": (
        "psd activities 11 --thing steps --start 2016-04-12 --end 2016-04-13",
        'psd activities 11 --withdraw 1 --note "counted twice"',
    ),
    "write": (
        "psd write --thing steps --uid 7 --aid 1 --value 400 --ts2 2016-04-12T08:00:00Z",
        "psd write --thing points --uid 7 --value 5 --ts2 2016-04-12 --increment --id p-1",
    ),
    "replay": ("psd replay --from 2016-04-12T10:00:00Z --to 2016-04-12T12:00:00Z --dry-run",),
    "dlq ls": ("psd dlq ls --limit 20",),
    "dlq show": ("psd dlq show 0f2a6c3b1d4e5f60",),
    "dlq replay": ("psd dlq replay --all",),
    "dlq drop": ("psd dlq drop 0f2a6c3b1d4e5f60",),
    "boards ls": ("psd boards ls --json",),
    "boards show": ("psd boards show april",),
    "boards create": (
        'psd boards create april --thing steps --start 2016-04-01 --end 2016-05-01 --title "Cup"',
        "psd boards create week --thing steps --rolling 604800",
    ),
    "boards edit": ('psd boards edit april --note "the winner gets a bicycle"',),
    "boards rm": ("psd boards rm april",),
    "boards members ls": ("psd boards members ls april",),
    "boards members add": ("psd boards members add april 1503960366 alice@example.com",),
    "boards members rm": ("psd boards members rm april 1503960366",),
    "boards members import": ("psd boards members import april users.csv",),
    "boards standing": ("psd boards standing april --as-of 2016-04-20 --limit 3",),
    "boards bracket": ("psd boards bracket cup",),
    "boards final": ("psd boards final april --declare",),
    "names": ("psd names alice@example.com", "psd names --prefix alice --json"),
    "users erase": ('psd users erase alice@example.com --note "asked us to"',),
    "users cut": ("psd users cut --archive /var/lib/psd/archive",),
    "pages users add": ("psd pages users add amp --scope write",),
    "pages users list": ("psd pages users list",),
    "pages users password": ("psd pages users password amp",),
    "pages users remove": ("psd pages users remove amp",),
    "token new": ("psd token new --name phone --scope read --owner 1503960366",),
    "token ls": ("psd token ls",),
    "token revoke": ("psd token revoke 3f2a6c3b",),
    "token check": ("psd token check < token.txt",),
    "config show": ("psd config show --changed",),
    "doctor": ("psd doctor", "psd doctor --json"),
    "completion": (
        "psd completion bash > ~/.local/share/bash-completion/completions/psd",
        "psd completion fish > ~/.config/fish/completions/psd.fish",
    ),
}


def with_examples(command: click.Command, ctx: click.Context, name: str) -> click.Command:
    """The command with its examples, which the nearest group that knows them has."""
    words = [name]
    at: click.Context | None = ctx
    while at is not None and command.epilog is None:
        known: Examples = getattr(at.command, "examples", {})
        lines = known.get(" ".join(words))
        if lines:
            command.epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
        words.insert(0, at.info_name or "")
        at = at.parent
    return command
