"""The client for asyncio.

::

    async with AsyncClient("http://127.0.0.1:1155", token=secret) as psd:
        answer = await psd.sum(thing="steps", uid=["1503960366"], start="2016-04-12")
        print(answer.data[0].sum, answer.exact, answer.watermark.newest)

It is safe for any number of tasks of one loop. Who does not know asyncio takes
psd/client/synchronous.py.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from psd.client.activities import Activities
from psd.client.boards import AsyncBoards
from psd.client.events import EventsPart
from psd.client.questions import Questions
from psd.client.retrying import Retries
from psd.client.transport import Transport
from psd.domains import AsyncParts, domains, named

URL = "http://127.0.0.1:1155"
TIMEOUT_S = 10.0
"""For one try; a server answers within 2 s, or says that it cannot."""


class AsyncClient(Questions, Activities, EventsPart, AsyncParts):
    """Everything of v3 on the server at ``url``; ``timeout_s`` is for one try.

    ``token`` is an API token or a JWT. What a server refuses is raised as the class of
    psd/errors.py that it is there.
    """

    def __init__(
        self,
        url: str = URL,
        *,
        token: str = "",
        timeout_s: float = TIMEOUT_S,
        retries: Retries | None = None,
    ) -> None:
        super().__init__(Transport(url, token, timeout_s, retries or Retries()))
        self.boards = AsyncBoards(self._transport)
        for domain in domains():
            if domain.client:
                setattr(self, domain.name, named(domain.client[0])(self._transport))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()
