"""Things in questions: a name becomes its number, or the names that there are are told. Pure.

::

    asked_thing("steps", {"steps": 1})   -> 1
    asked_thing("step", {"steps": 1})
    -> BadQueryError: thing: 'step' is unknown; known are steps; did you mean steps?
"""

from __future__ import annotations

from collections.abc import Mapping

from psd.errors import BadQueryError
from psd.foreign_texts import shown
from psd.names import unknown


def asked_thing(name: str, things: Mapping[str, int], said: str = "thing:") -> int:
    """The number of a thing; ``said`` stands before its name in a refusal."""
    number = things.get(name)
    if number is None:
        raise BadQueryError(f"{said} {shown(name)} {unknown(name, sorted(things))}")
    return number
