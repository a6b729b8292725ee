"""Routed lanes: one lane on one server, in a cluster one to each node.

Each command goes to the node that has its key. What a node did not execute because the key is
elsewhere is sent again to where it is (psd/store/cluster.py); everything else is sent once, as
on a lane. Between two nodes commands have no order: what depends on another command's effect
waits for its reply.

A command about a server and not a key (INFO, SCRIPT, ...) goes to one node; :meth:`each_node`
asks all. WAIT goes to the nodes that the commands before it in the same call went to, and its
reply is the smallest of theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, TypeVar

from psd.errors import MisplacedError, StoreUnavailableError
from psd.store.cluster import Cluster
from psd.store.lane import Command, Lane
from psd.store.slots import Address, key_of

T = TypeVar("T")

OpenLane = Callable[[Address | None], Lane]
"""A lane to a node, or to the one server."""

Page = tuple[Sequence[int], Command]
"""Positions of what a command is about, and the command."""


class Answers:
    """Replies, errors among them as exceptions; of pages with the positions they are about."""

    def __init__(self) -> None:
        self.pages: list[tuple[Sequence[int], Any]] = []
        self.ahead: list[Any] = []
        self.after: list[Any] = []


class RoutedLane:
    """The interface of a :class:`~psd.store.lane.Lane`, over all nodes."""

    def __init__(self, cluster: Cluster, open_lane: OpenLane) -> None:
        self._cluster = cluster
        self._open_lane = open_lane
        self._seed = open_lane(None)
        self._lanes: dict[Address, Lane] = {}

    @property
    def is_spread(self) -> bool:
        """Whether there are several nodes, once that is known."""
        return self._cluster.is_spread

    @property
    def epoch(self) -> int:
        """Connections made so far, to whichever node."""
        if not self._lanes:
            return self._seed.epoch
        return sum(lane.epoch for lane in (self._seed, *self._lanes.values()))

    async def call(self, command: Command) -> Any:
        """One command's reply; raises the error that the reply stands for."""
        if not self._cluster.is_known:
            await self._cluster.know()
        if not self._cluster.is_spread:
            return await self._seed.call(command)
        [reply] = await self.call_each([command])
        if isinstance(reply, BaseException):
            raise reply
        return reply

    async def call_all(self, commands: Sequence[Command]) -> list[Any]:
        """Replies by position; raises the first error after all have been answered."""
        if not self._cluster.is_known:
            await self._cluster.know()
        if not self._cluster.is_spread:
            return await self._seed.call_all(commands)
        replies = await self.call_each(commands)
        for reply in replies:
            if isinstance(reply, BaseException):
                raise reply
        return replies

    async def call_each(self, commands: Sequence[Command]) -> list[Any]:
        """Replies by position, errors among them as exceptions."""
        if not self._cluster.is_known:
            await self._cluster.know()
        if not self._cluster.is_spread:
            return await self._seed.call_each(commands)
        if len(commands) == 1 and self._cluster.is_certain:
            [reply] = await self._try_each(commands)
            if not isinstance(reply, MisplacedError):
                return [reply]
        replies: list[Any] = [None] * len(commands)
        waiting = list(range(len(commands)))
        try:
            async for misplaced in self._cluster.attempts():
                found = await self._try_each([commands[at] for at in waiting])
                for at, reply in zip(waiting, found, strict=True):
                    replies[at] = _smaller(replies[at], reply)
                waiting = [at for at in waiting if isinstance(replies[at], MisplacedError)]
                misplaced += [replies[at] for at in waiting]
                # Whoever waits for replicas waits for those of what is sent again, too.
                first = waiting[0] if waiting else len(commands)
                waiting += [at for at in range(first, len(commands)) if commands[at][0] == "WAIT"]
        except MisplacedError:
            pass
        return replies

    async def call_pages(
        self,
        places: Sequence[int],
        pages_of: Callable[[Sequence[int]], Sequence[Page]],
        *,
        ahead: Sequence[Command] = (),
        after: Sequence[Command] = (),
    ) -> Answers:
        """Replies to calls that are about many owners, each sent until it is executed once.

        ``pages_of`` makes the calls for some positions, no two nodes' owners in one call; those
        whose owners have moved are made anew. Commands ``after`` follow every time, those
        ``ahead`` go first the first time. Raises MisplacedError for what finds no node.
        """
        if self._cluster.is_known and not self._cluster.is_spread:
            return await self._pages_of_one(pages_of(places), ahead, after)
        answers = Answers()
        async for misplaced in self._cluster.attempts():
            pages = pages_of(places)
            asked = [command for _, command in pages]
            first = [] if answers.ahead else ahead
            replies = await self._try_each([*first, *asked, *(after if asked else ())])
            answers.ahead += replies[: len(first)]
            answers.after += replies[len(first) + len(asked) :]
            moved: list[int] = []
            for (page, _), reply in zip(pages, replies[len(first) :], strict=False):
                if isinstance(reply, MisplacedError):
                    misplaced.append(reply)
                    moved += page
                else:
                    answers.pages.append((page, reply))
            places = sorted(moved)
        return answers

    async def _pages_of_one(
        self, pages: Sequence[Page], ahead: Sequence[Command], after: Sequence[Command]
    ) -> Answers:
        """The same of one server, where nothing moves: one attempt."""
        commands = [*ahead, *[command for _, command in pages]]
        if pages:
            commands += after
        replies = await self._seed.call_each(commands)
        answers, end = Answers(), len(ahead)
        answers.ahead = replies[:end]
        for page, _ in pages:
            if isinstance(replies[end], MisplacedError):
                raise replies[end]
            answers.pages.append((page, replies[end]))
            end += 1
        answers.after = replies[end:]
        return answers

    def claimed(self, cost: float) -> AbstractContextManager[None]:
        """Room for commands of this cost that the caller is about to bring, on every node its part.

        Raises BusyError where there is none.
        """
        return self._claimed_on_each(cost) if self._cluster.is_spread else self._seed.claimed(cost)

    @contextmanager
    def _claimed_on_each(self, cost: float) -> Iterator[None]:
        lanes = [self._lane_at(node) for node in self._cluster.nodes()]
        with ExitStack() as claims:
            for lane in lanes:
                claims.enter_context(lane.claimed(cost / len(lanes)))
            yield

    async def followed(self, work: Callable[[], Awaitable[T]]) -> T:
        """What work on the lanes of :meth:`lane_of` returns; done anew where its keys have moved.

        It must be safe to repeat.
        """
        async for misplaced in self._cluster.attempts():
            try:
                return await work()
            except MisplacedError as error:
                misplaced.append(error)
        raise AssertionError("attempts end with a result or an error")

    async def each_node(self, commands: Sequence[Command]) -> dict[str, list[Any]]:
        """The replies of every node by its name; those of the one server under ``""``."""
        await self._cluster.know()
        if not self._cluster.is_spread:
            return {"": await self._seed.call_all(commands)}
        nodes = self._cluster.nodes()
        found = await asyncio.gather(*(self._lane_at(node).call_all(commands) for node in nodes))
        return {f"{node[0]}:{node[1]}": each for node, each in zip(nodes, found, strict=True)}

    async def lane_of(self, key: str) -> Lane:
        """The lane to the server that has a key, for commands that belong on one connection."""
        await self._cluster.know()
        return self._lane_at(self._cluster.node_of(key)) if self._cluster.is_spread else self._seed

    async def lanes(self) -> list[Lane]:
        """A lane to every server that has keys."""
        await self._cluster.know()
        if not self._cluster.is_spread:
            return [self._seed]
        return [self._lane_at(node) for node in self._cluster.nodes()]

    async def close(self) -> None:
        """Fail what waits and close the connections."""
        for lane in (self._seed, *self._lanes.values()):
            await lane.close()

    async def _try_each(self, commands: Sequence[Command]) -> list[Any]:
        """Each command sent once; errors among the replies as exceptions."""
        if not self._cluster.is_spread:
            return await self._seed.call_each(commands)
        by_node: dict[Address, list[int]] = {}
        for at, command in enumerate(commands):
            if command[0] == "WAIT":
                for places in by_node.values():
                    places.append(at)
                continue
            key = key_of(command)
            node = self._cluster.nodes()[0] if key is None else self._cluster.node_of(key)
            by_node.setdefault(node, []).append(at)
        return await self._gathered(commands, by_node)

    async def _gathered(
        self, commands: Sequence[Command], by_node: dict[Address, list[int]]
    ) -> list[Any]:
        if len(by_node) == 1 and len(commands) == len(next(iter(by_node.values()))):
            [node] = by_node
            found = await self._lane_at(node).call_each(commands)
            if any(_is_away(reply) for reply in found):
                self._cluster.doubt(node)
            return found
        trips: list[Awaitable[list[Any]]] = [
            self._lane_at(node).call_each([commands[at] for at in places])
            for node, places in by_node.items()
        ]
        replies: list[Any] = [None] * len(commands)
        for node, found in zip(by_node, await asyncio.gather(*trips), strict=True):
            for at, reply in zip(by_node[node], found, strict=True):
                replies[at] = _smaller(replies[at], reply)
                if _is_away(reply):
                    self._cluster.doubt(node)
        return replies

    def _lane_at(self, node: Address) -> Lane:
        lane = self._lanes.get(node)
        if lane is None:
            lane = self._lanes[node] = self._open_lane(node)
        return lane


def _is_away(reply: Any) -> bool:
    return isinstance(reply, StoreUnavailableError) and not isinstance(reply, MisplacedError)


def _smaller(known: Any, reply: Any) -> Any:
    """The worse of two replies to one WAIT; the reply itself to what was not executed before."""
    if isinstance(known, BaseException) and not isinstance(known, MisplacedError):
        return known
    return min(known, reply) if isinstance(known, int) and isinstance(reply, int) else reply
