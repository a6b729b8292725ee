"""Leaderboards and brackets from sorted lists of bookings, with nothing of psd in it.

A board is a dict as it is sent to ``PUT /v3/boards/{name}``, its members included::

    boards = Boards(Books(history), {"april": {"thing": "steps", "window": {...}, "members": [..]}})
    boards.leaderboard_answer({"board": "april", "as_of": 1460451600})
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, NamedTuple

from tests.support.draws.histories import THINGS
from tests.support.plain.plain_books import (
    Atids,
    Books,
    atids_of,
    numbers,
    range_text,
)
from tests.support.plain.plain_calendar import Piece, unit_start
from tests.support.plain.plain_times import Fields, bookable, ends_of, range_of, read, tidy, written

NEVER = 10**12


class Ranked(NamedTuple):
    """One of a board."""

    uid: int
    value: int
    rank: int
    percentile: float


class Boards:
    """Answers about boards, named ones and others."""

    def __init__(self, books: Books, named: dict[str, Fields]) -> None:
        self._books = books
        self.named = named

    def leaderboard_answer(self, fields: Fields) -> Fields:
        """Of POST /v3/leaderboard, all pages in one; ``next`` says whether there are more."""
        board = self.named.get(fields.get("board", ""), {})
        thing = THINGS[fields.get("thing") or board["thing"]]
        atids = atids_of(fields) or atids_of(board if board.get("atid") else {})
        uids = self._uids(fields, board, thing)
        ties = fields.get("ties") or board.get("ties", "competition")
        piece = self._piece(fields, board)
        order = self._ranked(uids, thing, atids, piece, ties)
        rows = [self._row(each, thing, atids, piece) for each in order]
        answer: Fields = {"total": len(uids), "exact": True, "range": range_text(piece)}
        if "compare_to" in fields:
            before = self._previous(fields, board, piece)
            old = {each.uid: each for each in self._ranked(uids, thing, atids, before, ties)}
            rows = [row | changes(row, old[int(row["uid"])]) for row in rows]
            answer["previous_range"] = range_text(before)
        if "around" in fields:
            uid, span = int(fields["around"]), fields.get("span", 5)
            at = next(at for at, each in enumerate(order) if each.uid == uid)
            rows = rows[max(at - span, 0) : at + span + 1]
        return {**answer, "data": rows, "newest": self._books.newest(uids, [thing])}

    def bracket_answer(self, name: str, when: int | str) -> Fields:
        """Of GET /v3/boards/{name}/bracket."""
        cup = self.named[name]
        as_of = bookable(read(when, zone_of({}, cup), self._books.now_s, "as_of"))
        rounds = cup["rounds"]
        seeded_s = read(rounds.get("seeded_at", rounds["windows"][0]["start"]))
        if rounds.get("order"):
            given = [uid for uid in numbers(rounds["order"]) if uid in cup["members"]]
            field = [*given, *sorted(set(cup["members"]) - set(given))]
        elif as_of < seeded_s:
            field = []
        else:
            seeding = self.named[rounds.get("seeded_by", name)]
            field = self._standing(seeding, cup["members"], seeded_s)
        told, champion = self._played(cup, field, as_of)
        source = f"board {rounds.get('seeded_by', name)}"
        return {
            "board": name,
            "as_of": written(as_of),
            "seeded_by": "order" if rounds.get("order") else source,
            "seeded_at": None if rounds.get("order") else written(seeded_s),
            "contenders": len(field),
            "rounds": told,
            "champion": champion,
            "exact": True,
            "newest": self._books.newest(cup["members"], [THINGS[cup["thing"]]]),
        }

    def _uids(self, fields: Fields, board: Fields, thing: int) -> list[int]:
        if board:
            return list(board["members"])
        return numbers(fields["uid"]) if "uid" in fields else self._books.populations[thing]

    def _piece(self, fields: Fields, board: Fields) -> Piece:
        if not board or "start" in fields or "end" in fields:
            return range_of(fields, self._books.now_s, zone_of(fields, board))
        return window_piece(board["window"], self._instant(fields, board, "as_of"))

    def _instant(self, fields: Fields, board: Fields, name: str) -> int:
        now_s = self._books.now_s
        return bookable(read(fields.get(name, "now"), zone_of(fields, board), now_s, name))

    def _previous(self, fields: Fields, board: Fields, piece: Piece) -> Piece:
        asked = fields["compare_to"]
        if isinstance(asked, str) and "/" in asked:
            start, end = asked.split("/")
            tz = zone_of(fields, board)
            return tidy(*ends_of(start, end, self._books.now_s, tz, "compare_to."))
        at_s = self._instant(fields, board, "compare_to")
        if board and "start" not in fields and "end" not in fields:
            return window_piece(board["window"], at_s)
        return piece[0], max(piece[0], min(piece[1], at_s))

    def _ranked(
        self, uids: list[int], thing: int, atids: Atids, piece: Piece, ties: str
    ) -> list[Ranked]:
        """Everybody in the order of the board."""
        lines = {uid: self._books.line(uid, thing, atids) for uid in uids}
        order = []
        for uid, line in lines.items():
            reached_s = line.reached(*piece) if ties == "first_to_reach" else 0
            order.append((-line.sum(*piece), NEVER if reached_s is None else reached_s, uid))
        order.sort()
        values = sorted(-negated for negated, _, _ in order)
        found: list[Ranked] = []
        ranks: dict[tuple[int, int], int] = {}
        for at, (negated, second, uid) in enumerate(order):
            shared = (negated, second if ties == "first_to_reach" else 0)
            ranks.setdefault(shared, len(ranks) + 1 if ties == "dense" else at + 1)
            rank = at + 1 if ties == "ordinal" else ranks[shared]
            below = bisect_left(values, -negated)
            found.append(Ranked(uid, -negated, rank, round(100 * below / len(order), 4)))
        return found

    def _row(self, each: Ranked, thing: int, atids: Atids, piece: Piece) -> Fields:
        return {
            "rank": each.rank,
            "uid": str(each.uid),
            "value": each.value,
            "reached_at": written(self._books.line(each.uid, thing, atids).reached(*piece)),
            "percentile": each.percentile,
        }

    def _standing(self, board: Fields, uids: list[int], at_s: int) -> list[int]:
        piece = window_piece(board["window"], at_s)
        atids = atids_of(board if board.get("atid") else {})
        thing, ties = THINGS[board["thing"]], board.get("ties", "competition")
        return [each.uid for each in self._ranked(uids, thing, atids, piece, ties)]

    def _played(self, cup: Fields, field: list[int], as_of: int) -> tuple[list[Fields], str | None]:
        """The rounds as they are told, and who has won the last of them."""
        seeds = {uid: seed for seed, uid in enumerate(field, start=1)}
        pairs = first_pairs(field)
        champion, is_known, told = None, bool(field), []
        for number, window in enumerate(cup["rounds"]["windows"], start=1):
            if champion is not None:
                break
            start, end = read(window["start"]), read(window["end"])
            state = "over" if as_of >= end else "under_way" if as_of >= start else "to_come"
            if not is_known:
                state = "to_come"
            piece = None if state == "to_come" else (start, min(end, as_of))
            matches = [self._match(cup, pair, seeds, piece) for pair in pairs] if is_known else []
            ahead = [match.pop("best") for match in matches]
            for match in matches:
                match["winner"] = match["winner"] if state == "over" else None
            told.append(
                {"number": number, "state": state, "matches": matches}
                | {"start": written(start), "end": written(end)}
            )
            is_known = state == "over" and is_known
            if is_known and len(ahead) == 1:
                champion = str(ahead[0])
            if is_known:
                pairs = list(zip(ahead[::2], ahead[1::2], strict=False))
        return told, champion

    def _match(
        self, cup: Fields, pair: tuple[Any, ...], seeds: dict[int, int], piece: Piece | None
    ) -> Fields:
        first, *others = sorted((uid for uid in pair if uid is not None), key=seeds.__getitem__)
        sides = [{"seed": seeds[uid], "uid": str(uid)} for uid in (first, *others)]
        for side in sides:
            side |= {"score": None, "reached_at": None}
        if not others:
            won = {"ahead": str(first), "winner": str(first), "best": first}
            return {"first": sides[0], "second": None} | won
        if piece is None:
            nobody = {"ahead": None, "winner": None, "best": None}
            return {"first": sides[0], "second": sides[1]} | nobody
        atids = atids_of(cup if cup.get("atid") else {})
        lines = [self._books.line(uid, THINGS[cup["thing"]], atids) for uid in (first, *others)]
        scores = [line.sum(*piece) for line in lines]
        seconds = [line.reached(*piece) for line in lines]
        for side, score, second in zip(sides, scores, seconds, strict=True):
            side["score"] = score
            side["reached_at"] = written(second) if scores[0] == scores[1] else None
        early = [NEVER if second is None else second for second in seconds]
        first_wins = (-scores[0], early[0]) <= (-scores[1], early[1])
        best = first if first_wins else others[0]
        won = {"ahead": str(best), "winner": str(best), "best": best}
        return {"first": sides[0], "second": sides[1]} | won


def first_pairs(field: list[int]) -> list[tuple[Any, ...]]:
    """Who meets in the first round: the best seeds in the corners, byes for the best."""
    size = 1
    corners = [1]
    while size < len(field):
        size *= 2
        corners = [each for seed in corners for each in (seed, size + 1 - seed)]
    slots = [field[seed - 1] if seed <= len(field) else None for seed in corners]
    if len(slots) == 1:
        return [(slots[0], None)] if field else []
    return list(zip(slots[::2], slots[1::2], strict=True))


def zone_of(fields: Fields, board: Fields) -> str:
    """The zone of a question's dates: its own, or that of the board's calendar."""
    calendar = board.get("window", {}).get("tz", "UTC")
    return str(fields.get("tz", calendar))


def window_piece(window: Fields, at_s: int) -> Piece:
    """What counts on a board at an instant."""
    if window["kind"] == "fixed":
        start, end = tidy(read(window["start"]), read(window["end"]))
        return start, max(start, min(end, at_s))
    if window["kind"] == "rolling":
        return tidy(at_s - window["seconds"], at_s)
    return tidy(unit_start(at_s, window["every"], window.get("tz", "UTC")), at_s)


def changes(row: Fields, old: Ranked) -> Fields:
    """What a comparison says of a row."""
    return {
        "previous_rank": old.rank,
        "previous_value": old.value,
        "rank_change": old.rank - row["rank"],
        "value_change": row["value"] - old.value,
    }
