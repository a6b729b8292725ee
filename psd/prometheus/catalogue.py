"""Which labels and series there are, as people who write an expression look them up.

::

    GET /api/v1/label/__name__/values                      -> calories, ..., psd_sum, steps
    GET /api/v1/label/uid/values?match[]=steps             -> everybody who has steps
    GET /api/v1/label/atid/values?match[]=steps{uid="7"}   -> the atids of user 7's steps
    GET /api/v1/label/uid/values?match[]=steps{uid=~".*7.*"}    -> those with a 7

A pattern is answered for the label that is looked up, and for metrics and things. The times of a
look-up do not matter: who has bookings, of whatever time, is told. ``limit`` cuts a list, and then
there is a warning.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

import msgspec

from psd.engine.events import TIME_END_S
from psd.engine.plan import Range
from psd.engine.reads import Reads
from psd.errors import BadQueryError, DetailExpiredError
from psd.prometheus.evaluation import NAME
from psd.prometheus.owners import Owners, OwnersFinder
from psd.prometheus.parser import LABELS, parsed_selector
from psd.prometheus.patterns import Pattern, parsed_pattern
from psd.prometheus.reading import Counted, sums
from psd.prometheus.selection import SUMS, Metric, Selection, all_metrics, selected
from psd.prometheus.tree import Matcher, Selector
from psd.queries.shown import NO_NAMES, NameSource, by_name
from psd.queries.user_sums import SERIES
from psd.slices import in_slices, sorted_in_slices

VALUES_MAX = 10_000
"""Values of one list, whatever limit is asked for."""

MATCHES_MAX = 32

OPEN_LABELS = frozenset({"uid", "atid", "board"})

EVER = Range(0, TIME_END_S)


class Listed(msgspec.Struct, frozen=True):
    """A list, and what is not as it was asked for."""

    values: list[str] | list[dict[str, str]]
    warnings: list[str]


class Sought(msgspec.Struct, frozen=True):
    """A selection, and what values of the label that is looked up must be like besides."""

    selection: Selection
    patterns: tuple[Pattern, ...] = ()

    def takes(self, value: str) -> bool:
        """Whether a value of the label is meant."""
        return all(pattern.matches(value) for pattern in self.patterns)

    async def taken(self, ids: set[int], names: NameSource = NO_NAMES) -> set[int]:
        """Those of some users or atids that are meant, as they are shown; without patterns, all."""
        if not self.patterns:
            return ids
        shown = await names.names(ids)

        def meant(some: Sequence[int]) -> list[int]:
            return [each for each in some if self.takes(shown.get(each) or str(each))]

        return set(await in_slices(list(ids), meant))

    def takes_board(self, name: str) -> bool:
        """Whether a board is meant, by its name or by a pattern."""
        boards = self.selection.boards
        return self.takes(name) and (not isinstance(boards, list) or name in boards)


class Catalogue:
    """One request's look-ups."""

    def __init__(
        self,
        engine: Reads,
        owners: OwnersFinder,
        things: Mapping[str, int],
        limit: int,
        names: NameSource = NO_NAMES,
    ) -> None:
        self._engine = engine
        self._owners = owners
        self._things = things
        self._names = names
        self._limit = min(limit or VALUES_MAX, VALUES_MAX)
        self._warnings: list[str] = []

    def selectors(self, matches: Sequence[str]) -> list[Selector]:
        """What ``match[]`` asks for; raises BadQueryError."""
        if len(matches) > MATCHES_MAX:
            raise BadQueryError(f"match[]: {len(matches)} given, at most {MATCHES_MAX}")
        found = []
        for text in matches:
            selector = parsed_selector(text)
            labels = {matcher.label for matcher in selector.matchers}
            if selector.name is None and NAME not in labels:
                # Grafana asks for all values of a label by {uid!=""}: it is about every metric.
                selector = Selector(None, (*selector.matchers, Matcher(NAME, "!=", "")))
            found.append(selector)
        return found

    def selections(self, matches: Sequence[str]) -> list[Selection]:
        """The selections that ``match[]`` comes to; raises BadQueryError, TooLargeError."""
        return [selected(selector, self._things) for selector in self.selectors(matches)]

    def sought(self, label: str, matches: Sequence[str]) -> list[Sought]:
        """The same, with the patterns of a label of which only Redis knows the values."""
        return [self._sought(label, selector) for selector in self.selectors(matches)]

    def labels(self, matches: Sequence[str]) -> Listed:
        """The names of labels."""
        selections = self.selections(matches)
        metrics = [metric for each in selections for metric in each.metrics]
        has_thing = not selections or any(metric.name == SUMS for metric in metrics)
        names = [label for label in LABELS if label != "thing" or has_thing]
        return self._cut(sorted(names))

    async def values(self, label: str, matches: Sequence[str]) -> Listed:
        """The values of a label; of one that psd does not have, none."""
        sought = self.sought(label, matches)
        if label == "uid":
            lowest = await self._lowest(await self._uids(sought))
            names = await self._names.names(lowest)
            return self._cut([names.get(uid) or str(uid) for uid in lowest])
        if label == "atid":
            return self._cut(list(map(str, await self._lowest(await self._atids(sought)))))
        if label == "board":
            return self._cut(await self._boards(sought))
        if label not in LABELS:
            return self._cut([])
        metrics = [metric for each in sought for metric in each.selection.metrics]
        metrics = metrics if sought else all_metrics(self._things)
        found = {metric.labels[label] for metric in metrics if label in metric.labels}
        return self._cut(sorted(found))

    async def series(self, matches: Sequence[str]) -> Listed:
        """The labels of series, as the same selectors have them in an expression."""
        if not matches:
            raise BadQueryError("match[]: missing; it is needed")
        found: list[dict[str, str]] = []
        selections = self.selections(matches)
        async for labels in self._series(selections):
            found.append(labels)
            if len(found) > self._limit:
                break
        asked = {uid: name for each in selections for uid, name in each.names.items()}
        return self._cut(await by_name(found, self._names, asked))

    async def _series(self, selections: Sequence[Selection]) -> AsyncIterator[dict[str, str]]:
        for selection in selections:
            async for metric, owners in self._owners_of(selection):
                labels = {**metric.labels, **owners.labels}
                everyone = [*owners.uids, *owners.hidden]
                if not selection.is_split:
                    for uid in everyone:
                        yield {**labels, "uid": str(uid)}
                    continue
                known = await self._atids_of(selection, metric, owners, merged=False)
                for place, uid in enumerate(everyone):
                    for atid in sorted({*known.get(place, ()), *(selection.atids or ())}):
                        yield {**labels, "uid": str(uid), "atid": str(atid)}

    def _sought(self, label: str, selector: Selector) -> Sought:
        patterns: list[Pattern] = []
        matchers: list[Matcher] = []
        for matcher in selector.matchers:
            is_open = label in OPEN_LABELS and matcher.label == label
            pattern = _pattern(matcher) if is_open else None
            if pattern is None:
                matchers.append(matcher)
            else:
                patterns.append(pattern)
                matchers.append(Matcher(label, "!=", ""))
        narrowed = Selector(selector.name, tuple(matchers))
        return Sought(selected(narrowed, self._things), tuple(patterns))

    async def _uids(self, sought: Sequence[Sought]) -> set[int]:
        found: set[int] = set()
        for each in sought or [self._everything()]:
            uids: set[int] = set()
            async for _, owners in self._owners_of(each.selection):
                uids.update(owners.uids)
                uids.update(owners.hidden)
            found |= await each.taken(uids, self._names)
        return found

    async def _atids(self, sought: Sequence[Sought]) -> set[int]:
        found: set[int] = set()
        for each in sought or [self._everything()]:
            atids = set(each.selection.atids or ())
            async for metric, owners in self._owners_of(each.selection):
                known = await self._atids_of(each.selection, metric, owners, merged=True)
                atids |= known.get(0, set())
            found |= await each.taken(atids)
        return found

    async def _boards(self, sought: Sequence[Sought]) -> list[str]:
        names = await self._owners.board_names(1 + (VALUES_MAX if sought else self._limit))
        if not sought:
            return names
        return [name for name in names if any(each.takes_board(name) for each in sought)]

    async def _owners_of(self, selection: Selection) -> AsyncIterator[tuple[Metric, Owners]]:
        for metric in selection.metrics:
            for owners in await self._owners.of(selection, metric):
                yield metric, owners

    async def _atids_of(
        self, selection: Selection, metric: Metric, owners: Owners, *, merged: bool
    ) -> dict[int, set[int]]:
        """The atids with bookings, by the owner's position, or of all at 0."""
        found: dict[int, set[int]] = {}
        if not owners.uids or selection.atids:
            return found
        self._owners.budget.spend("match[]", len(owners.uids), SERIES)
        counted = Counted(owners.uids, metric.number, None, by_atid=True, merged=merged)
        try:
            columns = await sums(self._engine, counted, [EVER])
        except DetailExpiredError as error:
            self._warn(f"detail has expired: atids are known of whole {error.resolution}s alone")
            return found
        for place, atid in columns:
            if atid is not None:
                found.setdefault(place, set()).add(atid)
        return found

    async def _lowest(self, ids: Iterable[int]) -> list[int]:
        """The lowest of these, as many as may be told and one more that tells of the rest."""
        return (await sorted_in_slices(list(ids)))[: self._limit + 1]

    def _everything(self) -> Sought:
        metrics = [metric for metric in all_metrics(self._things) if metric.name != SUMS]
        return Sought(Selection(metrics, None, None, None, is_split=False))

    def _cut(self, values: list[str] | list[dict[str, str]]) -> Listed:
        warnings = [*self._owners.warnings, *self._warnings]
        if len(values) > self._limit:
            warnings.append(f"cut after {self._limit}, the limit")
        return Listed(values[: self._limit], list(dict.fromkeys(warnings)))

    def _warn(self, text: str) -> None:
        self._warnings.append(text)


def _pattern(matcher: Matcher) -> Pattern | None:
    """A pattern that says more than that the label is there."""
    if matcher.operator != "=~" or matcher.value in (".*", "(.*)"):
        return None
    return parsed_pattern(matcher.value)
