"""The site of an original that a domain stands for, and the sample that it is tried with.

::

    Face(name="meterhub", port=8001, sample="psd.meters.samples:sample")
        psd up --face meterhub --sample      serves it on port 8001, with something to see
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from psd.domain.dialect import Dialect


class FaceSample(msgspec.Struct, frozen=True):
    """What ``psd up --sample`` puts on the queue where a face is on, and what to try then.

    ``decide`` is asked before: what the domain's part is to have that no message says. In ``lines``
    stands {url} for where the face listens.
    """

    documents: Sequence[Mapping[str, Any]]
    lines: Sequence[str]
    decide: Callable[[Any], Awaitable[None]] | None = None


class Face(msgspec.Struct, frozen=True, kw_only=True):
    """An original's site: ``psd up --face <name>`` serves it, on ``port`` unless told otherwise.

    It is off while the ``setting`` of its domain is 0. What is not there is told in the
    ``dialect``; without one, by a page. The domain's pages are there, if it ``has_pages``.
    ``sample`` names a function of the Unix second that gives a :class:`FaceSample`.
    """

    name: str
    port: int
    dialect: Dialect | None = None
    setting: str = "port"
    has_pages: bool = True
    sample: str = ""
