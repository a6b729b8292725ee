"""What a stage's workers had to say: the dead letters that they wrote, the pauses they made.

Letters are read through psd's own box, the one behind ``psd dlq``. How many were ever written is
nsqd's count (``Stage.dead_letters``), so that "nothing was dead-lettered" rests on no code of psd.

>>> [letter.code for letter in await take_letters(stage)]
['malformed']
"""

from __future__ import annotations

from psd.config import QueueSettings
from psd.queue.deadletter import INSPECT_CHANNEL, DeadLetterBox, Letter
from psd.queue.nsq_queue import NsqQueue
from tests.chaos.stage import DEADLETTER_TOPIC, Stage

LETTERS_A_ROUND = 1_000


async def take_letters(stage: Stage) -> list[Letter]:
    """All that are there, one for each message; they are dropped."""
    letters: list[Letter] = []
    address = stage.nsqd.address
    queue = NsqQueue(
        QueueSettings(topic=DEADLETTER_TOPIC, channel=INSPECT_CHANNEL, nsqd_addresses=(address,))
    )
    async with DeadLetterBox(queue) as box:
        while found := await box.take(LETTERS_A_ROUND):
            for held in found:
                letters.append(held.letter)
                await box.drop(held)
    return letters


def pauses(stage: Stage) -> int:
    """How often the stage's workers have paused for an outage since they started."""
    return sum(worker.log.count("paused until it answers") for worker in stage.workers)
