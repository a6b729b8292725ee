"""Which weeks a call of the job computes. Pure.

With weeks 0 to 9 computed, week 4 dirty and week 10 just over::

    calculate            -> 4 to 10    from the earliest dirty week on, up to the last ended
    calculate 7          -> 4 to 9     a recompute reaches every later computed week
    calculate 12         -> refused    week 11 was never computed
    calculate --from 0   -> 0 to 10

A week that was never computed is computed, never assumed to be empty.
"""

from __future__ import annotations

from collections.abc import Collection

from psd.errors import InvalidTimeError, OrderError
from psd.rewards.weeks import check_ended, check_week, last_ended


def weeks_to_compute(
    week: int | None,
    start: int | None,
    computed: Collection[int],
    dirty: Collection[int],
    now_s: int,
) -> range:
    """The weeks from the first to the last that must be computed together.

    ``week`` None is the last ended one, ``start`` what ``--from`` says. Raises OrderError when
    a week before the first was never computed, InvalidTimeError for a week that is not over.
    """
    target = last_ended(now_s) if week is None else check_ended(week, now_s)
    last = max(target, *computed) if computed else target
    if start is not None:
        first = check_week(start)
        if first > target:
            raise InvalidTimeError(f"from: {first} is after week {target}")
    else:
        first = min([target, *(each for each in dirty if each <= target and each in computed)])
    check_order(first, computed, told=start is not None)
    return range(first, last + 1)


def check_order(first: int, computed: Collection[int], *, told: bool) -> None:
    """Refuse a week whose predecessor was never computed, unless a history begins there."""
    if first == 0 or first - 1 in computed:
        return
    earlier = [each for each in computed if each < first]
    if earlier:
        gap = max(earlier) + 1
        raise OrderError(
            f"week: {first} cannot be computed before week {gap}, which never was; "
            f"--from {gap} computes weeks {gap} to {first}"
        )
    if not told:
        raise OrderError(
            f"week: {first} cannot be computed before week {first - 1}, which never was; "
            f"--from 0 computes all weeks up to it, --from {first} begins the history there"
        )
