"""Commands over one connection, and the replies in their order.

::

    await send(connection, [("GET", "psd:schema"), ("HGET", "psd:schema", "a")])
    -> [b"3", ResponseError("WRONGTYPE ...")]

Whose connection it is, and what is made of a reply, is in psd/store/link.py and watch.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from hiredis import pack_command
from redis.asyncio import Connection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from psd.errors import PsdError

Command = tuple[bytes | str | int, ...]

# Its stub knows commands of one word alone.
_pack = cast("Callable[[Command], bytes]", pack_command)


class RefusedError(RedisConnectionError):
    """psd does not work with the server behind a connection; ``error`` says why."""

    def __init__(self, error: PsdError) -> None:
        super().__init__(str(error))
        self.error = error


async def send(connection: Connection, commands: Sequence[Command]) -> list[Any]:
    """One trip: replies by position, error replies among them as exceptions."""
    await write(connection, commands)
    return await receive(connection, len(commands))


async def write(connection: Connection, commands: Sequence[Command]) -> None:
    """Send commands; who sends them reads the replies.

    hiredis packs them: redis-py's own way is Python, a seventh of all that a request called.
    """
    packed = [_pack(command) for command in commands]
    await connection.send_packed_command(b"".join(packed), check_health=False)


async def receive(connection: Connection, number: int) -> list[Any]:
    """So many replies, error replies among them as exceptions."""
    replies: list[Any] = []
    for _ in range(number):
        try:
            replies.append(await connection.read_response(disable_decoding=True))
        except ResponseError as exc:
            replies.append(exc)
    return replies
