"""``psd boards``: the group; one module for definitions, one for members, one for standings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click

from psd.cli.lazy import LazyGroup


class MembersGroup(LazyGroup):
    """The commands about who is on a board."""

    table: ClassVar[Mapping[str, tuple[str, str]]] = {
        "ls": ("psd.cli.boards.boards_members:ls", "List who is on a board."),
        "add": ("psd.cli.boards.boards_members:add", "Put users on a board."),
        "rm": ("psd.cli.boards.boards_members:rm", "Take users off a board."),
        "import": (
            "psd.cli.boards.boards_members:import_file",
            "Put the users of a file on a board.",
        ),
    }


@click.group(cls=MembersGroup)
def members() -> None:
    """Look after who is on a board."""


class BoardsGroup(LazyGroup):
    """The commands about named boards."""

    table: ClassVar[Mapping[str, tuple[str, str]]] = {
        "ls": ("psd.cli.boards.boards_keep:ls", "List the boards."),
        "show": ("psd.cli.boards.boards_keep:show", "Show what a board is made of."),
        "create": ("psd.cli.boards.boards_keep:create", "Make a board."),
        "edit": ("psd.cli.boards.boards_keep:edit", "Change what a board is made of."),
        "rm": ("psd.cli.boards.boards_keep:rm", "Take a board away with all that it has."),
        "members": ("psd.cli.boards.board_commands:members", "Look after who is on a board."),
        "standing": ("psd.cli.boards.boards_standing:standing", "Print who stands where."),
        "bracket": ("psd.cli.boards.boards_standing:bracket", "Print the head-to-head rounds."),
        "final": ("psd.cli.boards.boards_standing:final", "Print or declare the final of a board."),
    }


@click.group(cls=BoardsGroup)
def boards() -> None:
    """Look after named boards and challenges.

    They are read and changed in the store; no server is needed.
    """
