"""One run over the dead letter: each letter that was there when it began is acted on once.

A replayed message that still cannot be booked is a letter again within moments. Such a letter
*came back*: it is told with its reason and stays, so that a run ends whatever it meets::

    async with DeadLetterBox(queue) as box:
        run = await act(box, DeadLetterBox.replay)
    run.done          ["0f2a..."]
    run.came_back     [Letter(id="1b07...", code="too_early", ...)]
    run.came_since    0     letters of other messages that came meanwhile; they stay too
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Collection

import msgspec

from psd.errors import MalformedError, QueueUnavailableError
from psd.queue.deadletter import DeadLetterBox, HeldLetter, Letter

AT_ONCE_MAX = 100
"""Letters in hand at a time; others wait where the queue keeps their timeouts from ending."""

Action = Callable[[DeadLetterBox, HeldLetter], Awaitable[None]]


class LetterRun(msgspec.Struct):
    """What became of the letters that were asked for; ``is_full`` when more may be left.

    ``away`` says what of the queue was not reached, at some time of the run.
    """

    done: list[str] = []
    failed: list[str] = []
    seen: set[str] = set()
    came_back: list[Letter] = []
    came_since: int = 0
    is_full: bool = False
    away: str = ""


async def act(box: DeadLetterBox, action: Action, ids: Collection[str] = ()) -> LetterRun:
    """Do something with the letters of these ids, or with all when there are none."""
    run = LetterRun()
    acted: set[bytes] = set()
    try:
        while box.room > 0 and (taken := await box.take(min(AT_ONCE_MAX, box.room))):
            for held in taken:
                if not ids or held.letter.id in ids:
                    await _act_on(box, action, held, run, acted)
        run.away = await box.away()
    except QueueUnavailableError as error:
        run.away = str(error)
    for held in box.newer.values():
        if _digest(held.letter) in acted:
            run.came_back.append(held.letter)
        else:
            run.came_since += 1
    run.is_full = box.room <= 0
    return run


async def _act_on(
    box: DeadLetterBox, action: Action, held: HeldLetter, run: LetterRun, acted: set[bytes]
) -> None:
    run.seen.add(held.letter.id)
    try:
        await action(box, held)
    except MalformedError as error:
        run.failed.append(str(error))
    else:
        run.done.append(held.letter.id)
        acted.add(_digest(held.letter))


def _digest(letter: Letter) -> bytes:
    """What a letter has in common with the one that its message makes when it is replayed."""
    return hashlib.blake2b(letter.body, key=letter.topic.encode()[:64], digest_size=16).digest()
