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
from typing import Any

import click

from psd.errors import InputError
from psd.users import name_of, user_of

_NUMBER = re.compile(r"-?\d+", re.ASCII)


class UserType(click.ParamType[int | str]):
    """A user: its number, or its canonical name (psd/users.py).

    ``007`` and ``+5`` are neither, as everywhere: psd users erase 007 shall erase nobody.
    """

    name = "user"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """The number, or the name."""
        try:
            return named_or_numbered(value)
        except InputError as error:
            self.fail(str(error).removeprefix("uid: "), param, ctx)


USER = UserType()


def named_or_numbered(text: str) -> int | str:
    """The number that a user is given by, or the canonical name; raises an InputError."""
    name = name_of(text)
    return user_of(text) if name is None else name


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


def thing_then_user(
    words: tuple[str, ...], things: Collection[str] = ()
) -> tuple[str | None, int | str]:
    """The thing, or None where one word stands alone, and the user: its number, or its name.

    The other order was that of psd query and psd around once; it is understood where only one of
    the words can be a user: the other is one of ``things``, or the user is a number.

    >>> thing_then_user(("steps", "7")), thing_then_user(("7", "steps")), thing_then_user(("7",))
    (('steps', 7), ('steps', 7), (None, 7))
    """
    *thing, user = words
    if thing and _is_turned(thing[0], user, things):
        thing, user = [user], thing[0]
    try:
        return (thing[0] if thing else None), named_or_numbered(user)
    except InputError as error:
        raise click.BadParameter(str(error).removeprefix("uid: "), param_hint="UID") from error


def _is_turned(first: str, second: str, things: Collection[str]) -> bool:
    """Whether the first of two words can only be the user."""
    if _NUMBER.fullmatch(first):
        return second in things or not _NUMBER.fullmatch(second)
    return second in things and first not in things
