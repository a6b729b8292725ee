"""Rounds of head-to-head brackets: who meets whom, and who goes on. Pure.

The field is seeded from a ranking, best first, and padded with byes to a power of two, so that the
best seeds have them and can only meet in the last rounds. Of five users, 11 the best::

    first_round([11, 22, 33, 44, 55])
    -> 11 has a bye,  44 v 55,  22 has a bye,  33 has a bye
    next_round(...)  with 55 ahead of 44
    -> 11 v 55,  22 v 33

A match is won by the higher sum in the round's window; a tie by who reached it first, then by the
better seed. Nobody who did anything is behind someone who did nothing and has the same sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from psd.queries.ranking import NEVER_S, Score


class Contender(msgspec.Struct, frozen=True, gc=False):
    """A user and the place in the ranking that seeded the field, from 1."""

    seed: int
    uid: int


class Match(msgspec.Struct, frozen=True, gc=False):
    """Two contenders, the better seed first; without a second one the first goes on."""

    first: Contender
    second: Contender | None


class DecidedMatch(msgspec.Struct, frozen=True, gc=False):
    """A match that is over, and what its contenders had; a bye has no scores."""

    match: Match
    winner: Contender
    first_score: Score | None
    second_score: Score | None


def seed_order(size: int) -> list[int]:
    """Seeds in the order of the bracket's lines; ``size`` is a power of two.

    Neighbours meet, then the winners of neighbouring pairs: 8 is 1 8 4 5 2 7 3 6.
    """
    seeds = [1]
    while len(seeds) < size:
        total = 2 * len(seeds) + 1
        seeds = [each for seed in seeds for each in (seed, total - seed)]
    return seeds


def rounds_needed(contenders: int) -> int:
    """Rounds until one is left."""
    return max(contenders - 1, 0).bit_length()


def first_round(ranking: Sequence[int]) -> list[Match]:
    """The matches of the first round, from uids in the order of their ranking."""
    if not ranking:
        return []
    field = [Contender(seed, uid) for seed, uid in enumerate(ranking, start=1)]
    lines = [
        field[seed - 1] if seed <= len(field) else None
        for seed in seed_order(1 << rounds_needed(len(field)))
    ]
    if len(lines) == 1:
        return [Match(field[0], None)]
    return [_match(lines[at], lines[at + 1]) for at in range(0, len(lines), 2)]


def next_round(outcomes: Sequence[DecidedMatch]) -> list[Match]:
    """The matches of the round after one that is over; empty when that was the final."""
    if len(outcomes) < 2:
        return []
    winners = [outcome.winner for outcome in outcomes]
    return [_match(winners[at], winners[at + 1]) for at in range(0, len(winners), 2)]


def decided(match: Match, scores: Mapping[int, Score]) -> DecidedMatch:
    """Who wins a match, given the scores of the round's window by uid."""
    if match.second is None:
        return DecidedMatch(match, match.first, None, None)
    first = scores.get(match.first.uid, Score(match.first.uid, 0))
    second = scores.get(match.second.uid, Score(match.second.uid, 0))
    ahead = min(
        (_standing(first, match.first), match.first),
        (_standing(second, match.second), match.second),
        key=lambda pair: pair[0],
    )
    return DecidedMatch(match, ahead[1], first, second)


def played(
    ranking: Sequence[int], rounds: Sequence[Mapping[int, Score]]
) -> tuple[list[list[DecidedMatch]], list[Match]]:
    """The rounds that are over, one for each mapping of scores, and the matches after them.

    More scores than rounds are not looked at.
    """
    matches = first_round(ranking)
    over: list[list[DecidedMatch]] = []
    for scores in rounds:
        if not matches:
            break
        over.append([decided(match, scores) for match in matches])
        matches = next_round(over[-1])
    return over, matches


def _standing(score: Score, contender: Contender) -> tuple[int, int, int]:
    reached_s = NEVER_S if score.reached_s is None else score.reached_s
    return (-score.value, reached_s, contender.seed)


def _match(one: Contender | None, other: Contender | None) -> Match:
    if one is None or other is None:
        there = one or other
        assert there is not None, "more than half of a bracket is never byes"
        return Match(there, None)
    first, second = sorted((one, other), key=lambda contender: contender.seed)
    return Match(first, second)
