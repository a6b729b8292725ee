"""A group of commands that imports each when it is called.

``psd --help`` and ``psd boards --help`` start no client library; the line of a command in such
a list is the first sentence of its own help::

    class BoardsGroup(LazyGroup):
        table = {"list": ("psd.cli.boards.boards_keep:list_boards", "List the boards.")}
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import ClassVar

import click

from psd.cli.examples import Examples, with_examples
from psd.cli.lean_imports import lean


class Group(click.Group):
    """A group that tells what a mistyped command may have meant, and shows examples.

    ``examples`` are those of commands below it (psd/cli/examples.py).
    """

    examples: ClassVar[Examples] = {}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, with its examples."""
        command = self.found(ctx, cmd_name)
        return None if command is None else with_examples(command, ctx, cmd_name)

    def found(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, wherever it is."""
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a usage error names those that are called nearly so."""
        name = args[0]
        if ctx.resilient_parsing or name.startswith("-") or self.get_command(ctx, name):
            return super().resolve_command(ctx, args)
        near = difflib.get_close_matches(name, self.list_commands(ctx))
        hint = f" (Did you mean {' or '.join(map(repr, near))}?)" if near else ""
        raise click.UsageError(f"No such command {name!r}.{hint}", ctx)


class LazyGroup(Group):
    """``table`` maps a name to where the command is (``module:name``) and its line of help."""

    table: ClassVar[Mapping[str, tuple[str, str]]] = {}

    def lines(self) -> Mapping[str, tuple[str, str]]:
        """The table."""
        return self.table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        return [*self.lines(), *super().list_commands(ctx)]

    def found(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        if cmd_name not in self.lines():
            return super().found(ctx, cmd_name)
        return imported(self.lines()[cmd_name])

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list from the table, without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.lines().items()])


def imported(line: tuple[str, str]) -> click.Command:
    """The command that a line of a table stands for."""
    module, _, name = line[0].partition(":")
    with lean():
        command: click.Command = getattr(importlib.import_module(module), name)
    return command
