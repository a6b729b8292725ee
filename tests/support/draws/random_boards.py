"""Random named boards and cups over a history, as they are sent to ``PUT /v3/boards/{name}``."""

from __future__ import annotations

from collections import Counter
from random import Random

from tests.support.draws.histories import DAY_S, HOUR_S, History
from tests.support.draws.random_questions import EVERY, TIES, ZONES
from tests.support.plain.plain_times import Fields, number_or_text

BOARDS = 24
CUPS = 12


def random_boards(history: History, seed: int) -> dict[str, Fields]:
    """Boards of every kind of window, and cups whose fields come from every source."""
    random = Random(f"boards {seed}")
    sent = Counter(event.uid for event in history.events)
    busy = [uid for uid, _ in sent.most_common()]
    boards = {f"board-{number}": _board(history, random) for number in range(BOARDS)}
    for number in range(CUPS):
        cup = _board(history, random) | {"ties": "first_to_reach"}
        if number % 2:
            # Of those who sent much, in long rounds: there are scores, and some of them are equal.
            cup |= {"members": busy[4 : random.randint(6, 70)], "thing": "steps", "atid": []}
        boards[f"cup-{number}"] = cup | {"rounds": _rounds(history, random, cup)}
    return boards


def _board(history: History, random: Random) -> Fields:
    start = random.choice(history.seconds) - random.randrange(10 * DAY_S)
    span = random.choice((60, DAY_S, 9 * DAY_S, 400 * DAY_S))
    windows: tuple[Fields, ...] = (
        {"kind": "fixed", **_ends(max(start, 0), max(start, 0) + span)},
        {"kind": "rolling", "seconds": random.choice((1, HOUR_S, DAY_S, 30 * DAY_S, 900 * DAY_S))},
        {"kind": "calendar", "every": random.choice(sorted(EVERY)), "tz": random.choice(ZONES)},
    )
    board: Fields = {
        "thing": random.choice(("steps", "steps", "steps", "calories")),
        "window": random.choice(windows),
        "members": random.sample(history.uids, random.randint(1, min(90, len(history.uids)))),
        "ties": random.choice(TIES),
    }
    if random.random() < 0.4:
        board["atid"] = [str(atid) for atid in random.sample(history.atids, 2)]
    return board


def _rounds(history: History, random: Random, cup: Fields) -> Fields:
    members = cup["members"]
    start = first = max(0, random.choice(history.seconds) - 2 * DAY_S)
    windows = []
    for _ in range(random.randint(1, 8)):
        end = start + random.choice((HOUR_S, DAY_S, 5 * DAY_S, 30 * DAY_S, 200 * DAY_S))
        windows.append(_ends(start, end))
        start = end + random.choice((0, 0, 1, 2 * HOUR_S))
    rounds: Fields = {"windows": windows}
    source = random.choice(("itself", "board", "order"))
    if source == "order":
        given = random.sample(members, random.randint(1, len(members)))
        return rounds | {"order": [str(uid) for uid in [*given, 987_654_321]]}
    if source == "board":
        rounds["seeded_by"] = f"board-{random.randrange(BOARDS)}"
    if random.random() < 0.5:
        rounds["seeded_at"] = number_or_text(max(0, first - random.randrange(60 * DAY_S)))
    return rounds


def _ends(start: int, end: int) -> Fields:
    return {"start": number_or_text(start), "end": number_or_text(end)}
