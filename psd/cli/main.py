"""The ``psd`` command: finds its subcommands by name and turns errors into exit codes.

=====  ==============================================================
code   meaning
=====  ==============================================================
0      done
1      failed, or part of the input was refused
2      the command line is wrong
75     a dependency is away: the same command may work later
78     the configuration is wrong
130    somebody interrupted it (psd/cli/interrupted.py)
=====  ==============================================================

A subcommand's module is imported when it is called, so ``psd --help`` starts no client
library; its line in the list below is the first sentence of its own help.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import click

from psd.cli.examples import EXAMPLES
from psd.cli.interrupted import EXIT_INTERRUPTED, how_to_go_on
from psd.cli.lazy import LazyGroup, imported
from psd.cli.options import global_options
from psd.domains import domains
from psd.errors import BadQueryError, ConfigError, PsdError, UnavailableError, UnknownThingError
from psd.foreign_texts import on_terminal
from psd.version import VERSION

Line = tuple[str, str]

OWN: dict[str, Line] = {
    "up": ("psd.cli.up:up", "Run everything on this machine: store, server and one worker."),
    "server": ("psd.cli.server:server", "Serve the HTTP API."),
    "worker": ("psd.cli.worker:worker", "Book events from the queue."),
    "publish": ("psd.cli.publish:publish", "Put messages on the queue."),
    "import": (
        "psd.cli.imports.importing:import_file",
        "Book the rows of a CSV or NDJSON file, or what psd export wrote.",
    ),
    "export": ("psd.cli.exporting:export_rows", "Write what psd holds of a kind to files."),
    "verify": ("psd.cli.verify:verify", "Audit the buckets, and repair what is wrong."),
    "seal": ("psd.cli.seal:seal", "Seal logs of boards that are over."),
    "migrate": ("psd.cli.migrate:migrate", "Move what another store holds into this one."),
    "backup": ("psd.cli.backup:backup", "Copy the store and the archive."),
    "restore": ("psd.cli.restore:restore", "Bring a backup back into an empty store."),
    "convert": ("psd.cli.converting:convert", "Move what another daemon holds into psd."),
    "query": ("psd.cli.query:query", "Print one user's sum of a thing over a range."),
    "sum": ("psd.cli.sums:sums", "Print what users have of things over a range."),
    "series": ("psd.cli.series:series", "Print sums by minute, day, month or another unit."),
    "top": ("psd.cli.standings:top", "Print the first of a board."),
    "watch": ("psd.cli.watching:watch", "Show the first of a board as they move."),
    "around": ("psd.cli.standings:around", "Print a user with those before and behind."),
    "compare": ("psd.cli.standings:compare", "Print who overtook whom."),
    "activities": (
        "psd.cli.activities:activities",
        "Print the activities of a user, or take one back.",
    ),
    "write": ("psd.cli.query:write", "Book one report."),
    "replay": ("psd.cli.replay:replay", "Book again what was accepted from one time to another."),
    "dlq": ("psd.cli.deadletter:dlq", "Look after the dead letter."),
    "boards": ("psd.cli.boards.board_commands:boards", "Look after named boards and challenges."),
    "names": ("psd.cli.names:names", "Look up users' names."),
    "users": ("psd.cli.users:users", "Look after what is known of users."),
    "pages": ("psd.cli.pages:pages", "Look after who may sign in to pages."),
    "token": ("psd.cli.token:token", "Make and look at API tokens."),
    "config": ("psd.cli.config:config", "Look at the settings."),
    "doctor": ("psd.cli.doctor.doctor:doctor", "Check what psd depends on."),
    "completion": ("psd.cli.completion:completion", "Print what completes commands in a shell."),
}
"""Name -> where the command is, and its line in ``psd --help``."""


def with_domains(own: Mapping[str, Line], behind: str) -> dict[str, Line]:
    """These commands, and behind one of them those of domains; raises ConfigError."""
    found: dict[str, Line] = {}
    for name, line in own.items():
        found[name] = line
        if name == behind:
            found |= {domain.name: domain.cli for domain in domains() if domain.cli[0]}
    if len(found) < len(own) + sum(bool(domain.cli[0]) for domain in domains()):
        [name, *_] = [domain.name for domain in domains() if domain.name in own]
        raise ConfigError(f"domain {name!r}: psd has a command of this name already")
    return found


@cache
def commands() -> dict[str, Line]:
    """All there are; domains are imported by whoever asks for more than one of psd's own."""
    return with_domains(OWN, behind="boards")


EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_TRY_LATER = 75
EXIT_BAD_CONFIG = 78


class MainGroup(LazyGroup):
    """The top of the command line."""

    examples = EXAMPLES

    def lines(self) -> Mapping[str, Line]:
        """Those of psd and of domains."""
        return commands()

    def found(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; what is psd's own is there without any domain."""
        return imported(OWN[cmd_name]) if cmd_name in OWN else super().found(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; errors of ours become a line and an exit code."""
        try:
            return super().invoke(ctx)
        except PsdError as error:
            click.echo(f"psd: {on_terminal(str(error))}", err=True)
            ctx.exit(exit_code(error))
        except KeyboardInterrupt:
            click.echo(f"\npsd: interrupted; {how_to_go_on()}", err=True)
            ctx.exit(EXIT_INTERRUPTED)


def exit_code(error: PsdError) -> int:
    """The exit code that stands for an error."""
    if isinstance(error, UnavailableError):
        return EXIT_TRY_LATER
    if isinstance(error, ConfigError):
        return EXIT_BAD_CONFIG
    if isinstance(error, BadQueryError | UnknownThingError):
        # What a server or the store refuses of a command line is what click would have refused.
        return EXIT_USAGE
    return EXIT_FAILED


@click.group(cls=MainGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="psd")
@global_options
def psd() -> None:
    """The point space daemon: book what people and machines do, sum it over any range."""


def main() -> None:
    """Run the command line."""
    psd(prog_name="psd")
