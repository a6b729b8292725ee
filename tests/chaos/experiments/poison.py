"""Poison: 10,000 messages of which 5 % can never be booked.

The sums must be exact, the dead letters must be the poison and nothing else, each with the code
of its kind, and the good messages must not be held up. That is shown by what nsqd counted (no
message came twice, none timed out, no worker paused) and by the time: as many messages with
poison among them are booked within three times the time of the same number without it, and 5 s
(usual are 1.5 s for both). A message that were tried again would wait for 2 s, 4 s, 8 s, ...
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from psd.queue.deadletter import Letter
from tests.chaos.dead_letters import pauses, take_letters
from tests.chaos.oracle import differences
from tests.chaos.poison_kinds import POISON, Overflow
from tests.chaos.stage import CHANNEL, TOPIC, Stage
from tests.chaos.stream import REPEATED, generate
from tests.chaos.trial import Say, Tally, failures_of, run_in_lanes

NAME = "poison"
MESSAGES = 10_000
POISONED = 500
GOOD = round((MESSAGES - POISONED) / (1 + REPEATED))
"""Different ones; with their repeats 9,500."""

OWNERS = 200
WORKERS = 2
SLOWER_MAX = 3.0
SLOWER_SLACK_S = 5.0
BOOKED_WITHIN_S = 120.0
PUBLISHED_TOGETHER = 500

BATCHES = {
    "worker.batch_messages": 500,
    "queue.max_in_flight": 2500,
    "queue.msg_timeout_s": 60,
    "redis.timeout_s": 20,
}
"""The defaults, but for a machine so busy that Redis gets no turn for a second: the pause of a
worker, and what comes twice after it, are not what this is about."""


class PoisonExperiment:
    """Fresh poison in a fresh stream, one trial after the other."""

    name = NAME
    short = 1
    whole = 10

    async def run(self, trials: int, seed: int, say: Say) -> Tally:
        """Run the trials on one stage."""
        return await run_in_lanes(NAME, trials, seed, _stage, _trial, say, lanes=1)


def _stage(lane: int) -> Stage:
    folder = Path(tempfile.mkdtemp(prefix=f"{NAME}-{lane}-"))
    return Stage(folder, settings=BATCHES)


async def _trial(stage: Stage, seed: int) -> Tally:
    while len(stage.remaining()) < WORKERS:
        stage.start_worker()
    await stage.consuming()
    rng = random.Random(seed)
    clean = generate(2 * seed, GOOD, OWNERS)
    mixed = generate(2 * seed + 1, GOOD, OWNERS)
    poison, overflow = poison_of(seed)
    mixed.events.append(overflow.booked)
    mixed.roots.append(overflow.root)
    clean_s = await _booked(stage, clean.bodies)
    bodies = [*mixed.bodies, *(body for body, _ in poison)]
    rng.shuffle(bodies)
    mixed_s = await _booked(stage, bodies)
    letters = await take_letters(stage)
    failures = [*_letter_failures(poison, letters), *_held_up(stage, clean_s, mixed_s)]
    found = [each for part in (clean, mixed) for each in await differences(stage.client, part)]
    return Tally(
        trials=1,
        lost=sum(each.kind == "lost" for each in found),
        doubled=sum(each.kind == "doubled" for each in found),
        duplicates_suppressed=clean.repeats + mixed.repeats,
        notes=[f"{len(letters)} letters, {clean_s:.1f} s clean, {mixed_s:.1f} s with poison"],
        failures=failures_of(NAME, seed, [*found, *failures]),
    )


def poison_of(seed: int) -> tuple[list[tuple[bytes, str]], Overflow]:
    """500 bodies with their codes, of every kind as many, and the one that Redis refuses."""
    first = 1_000_000_000 * (seed + 1)
    kinds = list(POISON.values())
    overflow = Overflow(first)
    numbered = [(kinds[n % len(kinds)], first + n) for n in range(1, POISONED)]
    bodies = [(kind.body(number), kind.code) for kind, number in numbered]
    return [*bodies, (overflow.body, overflow.code)], overflow


async def _booked(stage: Stage, bodies: list[bytes]) -> float:
    """Publish, and wait for the last one; the seconds it took."""
    started_s = time.monotonic()
    for start in range(0, len(bodies), PUBLISHED_TOGETHER):
        await stage.publish(bodies[start : start + PUBLISHED_TOGETHER])
    await stage.drained(BOOKED_WITHIN_S)
    return time.monotonic() - started_s


def _letter_failures(poison: list[tuple[bytes, str]], letters: list[Letter]) -> list[str]:
    """What is wrong with the dead letters."""
    wanted = Counter(poison)
    found = Counter((letter.body, letter.code) for letter in letters)
    again = sum(letter.attempts > 1 for letter in letters)
    return [
        *(f"no letter {code} of {body[:80]!r}" for body, code in list(wanted - found)[:3]),
        *(f"a letter {code} of {body[:80]!r}" for body, code in list(found - wanted)[:3]),
        *([f"{again} letters not at the first attempt"] if again else []),
    ]


def _held_up(stage: Stage, clean_s: float, mixed_s: float) -> list[str]:
    """What says that good messages had to wait for the poison among them."""
    stats = stage.nsqd.channel(TOPIC, CHANNEL)
    counts = {"requeued": stats["requeue_count"], "timed out": stats["timeout_count"]}
    failures = [f"{count} messages {what}" for what, count in counts.items() if count]
    if pauses(stage):
        failures.append(f"{pauses(stage)} pauses")
    if mixed_s > SLOWER_MAX * clean_s + SLOWER_SLACK_S:
        failures.append(f"{mixed_s:.1f} s with poison, {clean_s:.1f} s without")
    return failures


EXPERIMENT = PoisonExperiment()
