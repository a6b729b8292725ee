"""The client for programs without asyncio: the same calls, which wait for their answers.

::

    with Client("http://127.0.0.1:1155") as psd:
        psd.sum(thing="steps", uid=["1503960366"], start="2016-04-12").data[0].sum
        for standing in psd.standings("steps"): ...

Each method is that of AsyncClient, run by an event loop in a thread of its own, with its types. So
there is one client and not two, it may be used from any thread, and also where a loop is running
already, as in a notebook.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import threading
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from psd.client.asynchronous import TIMEOUT_S, URL, AsyncClient
from psd.client.boards import AsyncBoards
from psd.client.retrying import Retries
from psd.domains import Parts, domains, named
from psd.queries.requests import LeaderboardQuery, Query, SeriesQuery, SumQuery
from psd.queries.results import AnyAnswer, LeaderboardAnswer, SeriesAnswer, SumAnswer

A_co = TypeVar("A_co", covariant=True)
P = ParamSpec("P")
T = TypeVar("T")

_END = object()


class LoopThread:
    """An event loop in a thread, and the client that it runs.

    Where nobody closes them they are closed when the last part of the client is gone, or when the
    process ends: whoever leaves a notebook or a script is told nothing of open connections.
    """

    def __init__(self, close_client: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="psd", daemon=True)
        self._thread.start()
        self._finish = weakref.finalize(self, _finish, self._loop, self._thread, close_client)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What a coroutine returns or raises; it is cancelled when the wait is interrupted."""
        if self._loop.is_closed():
            work.close()
            raise RuntimeError("this client is closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except concurrent.futures.CancelledError as exc:
            raise RuntimeError("this client was closed") from exc
        except BaseException:
            future.cancel()
            raise

    @property
    def is_closed(self) -> bool:
        """Whether nothing runs here any more."""
        return self._loop.is_closed()

    def close(self) -> None:
        """Close the client and end the thread; a second time does nothing."""
        self._finish()


def _finish(
    loop: asyncio.AbstractEventLoop,
    thread: threading.Thread,
    close_client: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    """End everything of a loop, from another thread than its own."""
    if thread is threading.current_thread():
        # Its own garbage collection found the client: who would wait here would wait for itself.
        threading.Thread(target=_finish, args=(loop, thread, close_client), daemon=True).start()
        return
    asyncio.run_coroutine_threadsafe(_end_all(close_client), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def _end_all(close_client: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Cancel what is under way; whoever waits for it gets an error."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
    await close_client()


class Waiting(Generic[A_co]):
    """A part of an asynchronous client, and the loop that runs it."""

    def __init__(self, part: A_co, loop: LoopThread) -> None:
        self._part = part
        self._loop = loop


def waiting(
    method: Callable[Concatenate[A_co, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Waiting[A_co], P], T]:
    """The method of the part, as one that waits."""

    @functools.wraps(method)
    def call(self: Waiting[A_co], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._loop.run(method(self._part, *args, **kwargs))

    return call


def each(
    method: Callable[Concatenate[A_co, P], AsyncIterator[T]],
) -> Callable[Concatenate[Waiting[A_co], P], Iterator[T]]:
    """The method of the part, as one whose results come one by one."""

    @functools.wraps(method)
    def call(self: Waiting[A_co], /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        found = method(self._part, *args, **kwargs)

        async def following() -> Any:
            return await anext(found, _END)

        try:
            while (item := self._loop.run(following())) is not _END:
                yield item
        finally:
            if isinstance(found, AsyncGenerator) and not self._loop.is_closed:
                self._loop.run(found.aclose())

    return call


class Boards(Waiting[AsyncBoards]):
    """The part of a client that is about named boards."""

    page = waiting(AsyncBoards.page)
    all = each(AsyncBoards.all)
    get = waiting(AsyncBoards.get)
    put = waiting(AsyncBoards.put)
    patch = waiting(AsyncBoards.patch)
    drop = waiting(AsyncBoards.drop)
    members = waiting(AsyncBoards.members)
    all_members = each(AsyncBoards.all_members)
    change_members = waiting(AsyncBoards.change_members)
    clear_members = waiting(AsyncBoards.clear_members)
    standing = waiting(AsyncBoards.standing)
    bracket = waiting(AsyncBoards.bracket)
    final = waiting(AsyncBoards.final)
    all_final = each(AsyncBoards.all_final)
    declare = waiting(AsyncBoards.declare)


class Client(Waiting[AsyncClient], Parts):
    """Everything of v3 on the server at ``url``, as AsyncClient has it."""

    def __init__(
        self,
        url: str = URL,
        *,
        token: str = "",
        timeout_s: float = TIMEOUT_S,
        retries: Retries | None = None,
    ) -> None:
        part = AsyncClient(url, token=token, timeout_s=timeout_s, retries=retries)
        super().__init__(part, LoopThread(part.close))
        self.boards = Boards(part.boards, self._loop)
        for domain in domains():
            if domain.client:
                kept = named(domain.client[1])(getattr(part, domain.name), self._loop)
                setattr(self, domain.name, kept)

    @overload
    def ask(self, query: SumQuery) -> SumAnswer: ...
    @overload
    def ask(self, query: SeriesQuery) -> SeriesAnswer: ...
    @overload
    def ask(self, query: LeaderboardQuery) -> LeaderboardAnswer: ...
    def ask(self, query: Query) -> AnyAnswer:
        """Ask what a struct says."""
        work: Coroutine[Any, Any, AnyAnswer] = self._part.ask(query)
        return self._loop.run(work)

    sum = waiting(AsyncClient.sum)
    series = waiting(AsyncClient.series)
    leaderboard = waiting(AsyncClient.leaderboard)
    top = waiting(AsyncClient.top)
    around = waiting(AsyncClient.around)
    compare = waiting(AsyncClient.compare)
    standings = each(AsyncClient.standings)
    activities = waiting(AsyncClient.activities)
    all_activities = each(AsyncClient.all_activities)
    withdraw = waiting(AsyncClient.withdraw)
    erase_user = waiting(AsyncClient.erase_user)
    audit = waiting(AsyncClient.audit)
    all_audit = each(AsyncClient.all_audit)
    events = waiting(AsyncClient.events)
    event_batches = each(AsyncClient.event_batches)
    reported = waiting(AsyncClient.reported)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and end the thread; a second time does nothing."""
        self._loop.close()
