"""What a command says when somebody stops it: that nothing is half done, and how to go on.

::

    with going_on("psd export bookings out --resume goes on behind the last whole part"):
        ...
    ^C
    psd: interrupted; psd export bookings out --resume goes on behind the last whole part
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

EXIT_INTERRUPTED = 130
"""As shells have it: 128 and the number of SIGINT."""

UNLESS_SAID = "nothing is half done, the same command may be given again"

_said: list[str] = []


@contextlib.contextmanager
def going_on(how: str | Callable[[], str]) -> Iterator[None]:
    """Say so if what is within is interrupted; the innermost is what is said.

    What depends on how far it came is asked then.
    """
    try:
        yield
    except KeyboardInterrupt:
        if not _said:
            _said.append(how if isinstance(how, str) else how())
        raise


def how_to_go_on() -> str:
    """What is said of the interrupt that has just come through; once."""
    return _said.pop() if _said else UNLESS_SAID
