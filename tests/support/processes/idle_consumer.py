"""A consumer that does nothing, in a process of its own, and says what that costs.

``python -m tests.support.processes.idle_consumer HOST:PORT SECONDS`` subscribes, prints ``ready``,
and for each line on stdin prints the share of one core that it used over that many seconds.
"""

from __future__ import annotations

import asyncio
import sys
import time

from psd.config import QueueSettings
from psd.queue.nsq_queue import NsqQueue


async def main(address: str, seconds: float) -> None:
    """Measure once a line until stdin ends."""
    queue = NsqQueue(QueueSettings(nsqd_addresses=(address,)))
    await queue.start()
    receiving = asyncio.create_task(queue.receive(500, 0.005))
    print("ready", flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        cpu_s, wall_s = time.process_time(), time.monotonic()
        await asyncio.sleep(seconds)
        used_s = time.process_time() - cpu_s
        print(used_s / (time.monotonic() - wall_s), flush=True)
    receiving.cancel()
    await queue.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
