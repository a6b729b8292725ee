"""Arguments that look like something else: negative users, ``-7d``, a thing before or after a user.

A command whose arguments may be negative numbers or times that count back takes a word of a minus
and a digit as an argument; every other word with a minus is an option, and a mistyped one is told::

    $ psd sum steps -3 --strat 2016-04-12
    Error: No such option '--strat'. (Did you mean one of: '--start', '--atid'?)

Everywhere the thing stands before the user: ``psd query steps 7``, ``psd around steps 7``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import click

_NUMBER = re.compile(r"-?\d+", re.ASCII)
_UIDS = range(-(2**63), 2**63)


class NumbersCommand(click.Command):
    """A command that takes a minus and a digit as the beginning of an argument."""

    ignore_unknown_options = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse options that do not exist, then read the rest as click does."""
        options = {
            name: parameter
            for parameter in self.get_params(ctx)
            if isinstance(parameter, click.Option)
            for name in (*parameter.opts, *parameter.secondary_opts)
        }
        _refuse_unknown(ctx, args, options)
        return super().parse_args(ctx, args)


def _refuse_unknown(
    ctx: click.Context, words: list[str], options: Mapping[str, click.Option]
) -> None:
    rest = iter(words)
    for word in rest:
        if word == "--":
            return
        name, equals, _ = word.partition("=")
        option = options.get(name)
        if option is not None:
            if not equals and not option.is_flag and not option.count:
                next(rest, None)
        elif word.startswith("-") and word != "-" and not word[1].isdigit():
            raise click.NoSuchOption(name, possibilities=options, ctx=ctx)


def thing_then_user(words: tuple[str, ...], things: Collection[str] = ()) -> tuple[str | None, int]:
    """The thing, or None where one word stands alone, and the number of the user.

    The other order was that of psd query and psd around once; it is understood where only one of
    the words can be a user: the other is one of ``things``, or no number.

    >>> thing_then_user(("steps", "7")), thing_then_user(("7", "steps")), thing_then_user(("7",))
    (('steps', 7), ('steps', 7), (None, 7))
    """
    *thing, user = words
    if thing and _NUMBER.fullmatch(thing[0]) and (user in things or not _NUMBER.fullmatch(user)):
        thing, user = [user], thing[0]
    if not _NUMBER.fullmatch(user) or len(user) > 20 or int(user) not in _UIDS:
        raise click.BadParameter(
            f"{user[:40]!r} is not a whole number of 64 bits", param_hint="UID"
        )
    return (thing[0] if thing else None), int(user)
