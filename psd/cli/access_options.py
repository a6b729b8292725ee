"""Options of commands that say what somebody may do: tokens, and users of pages.

::

    psd token new --name phone --scope read --owner 1503960366
    psd pages users add amp --scope write
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from psd.access.identity import SCOPES
from psd.cli.arguments import USER

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def scope_option(meaning: str) -> Decorator:
    """``--scope``, one or more of them."""
    return click.option(
        "--scope",
        "scopes",
        required=True,
        multiple=True,
        type=click.Choice(sorted(SCOPES)),
        help=f"{meaning} Repeatable; admin includes the others.",
    )


def owner_option(meaning: str) -> Decorator:
    """``--owner``, a user by number or by name; none of them is everybody."""
    return click.option(
        "--owner",
        "owners",
        multiple=True,
        type=USER,
        metavar="UID",
        help=f"{meaning} Repeatable. Default: everybody's.",
    )
