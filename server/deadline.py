"""The store answers in time, or the request says that it cannot.

A trip to Redis has a time limit of its own (``redis.timeout_s``, 1.5 s), a trip can wait for
the one before it, and some questions take two. Together they must stay under the 2 s within
which the server promises an answer, so each use of the engine stands in :class:`StoreDeadline`.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from psd.errors import StoreUnavailableError

ANSWER_TIMEOUT_S = 1.8
"""Leaves 0.2 s of the promised 2 s for everything around it."""


class StoreDeadline:
    """``asyncio.timeout`` whose end is our error; whether a write happened is then unknown."""

    __slots__ = ("_timeout",)

    def __init__(self) -> None:
        self._timeout = asyncio.timeout(ANSWER_TIMEOUT_S)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as exc:
            raise StoreUnavailableError(
                f"the store did not answer within {ANSWER_TIMEOUT_S:g} s"
            ) from exc
