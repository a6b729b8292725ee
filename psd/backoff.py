"""How long to wait between two tries: twice as long each time, up to a cap, and by chance less.

::

    backoff_s(1, 0.1, 2.0, 0.0), backoff_s(2, 0.1, 2.0, 0.0), backoff_s(9, 0.1, 2.0, 0.0)
    -> 0.1, 0.2, 2.0
    backoff_s(2, 0.1, 2.0, 1.0)     -> 0.1

The part that is chance keeps those who lost one server from coming back to it in step.
"""

from __future__ import annotations

import random

DOUBLINGS_MAX = 64
"""No cap is further from a first wait; past it a float would overflow."""


def backoff_s(tried: int, first_s: float, longest_s: float, chance: float | None = None) -> float:
    """Seconds after so many tries, of which there was at least one.

    ``chance``, of 0 to 1, takes off up to half; it is drawn unless it is given.
    """
    full_s: float = min(longest_s, first_s * 2.0 ** min(tried - 1, DOUBLINGS_MAX))
    return full_s * (1 - (random.random() if chance is None else chance) / 2)
