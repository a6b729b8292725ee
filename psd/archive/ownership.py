"""Whose files of an archive a store may read: its own, and those from before files had owners.

Several stores may have one folder: two ``psd up`` side by side, or two deployments by mistake.
What one wrote the other never books, unless it is told to, by name::

    store 5a1e09c3b7d2, files of 5a1e09c3b7d2 and 77d0e1a2b3c4   -> its own; 3 files left out
    the same with --store 77d0e1a2b3c4                           -> all of them
    store 5a1e09c3b7d2, files of 77d0e1a2b3c4 alone              -> ConfigError
    a store without a name, files of 77d0e1a2b3c4 alone          -> it takes that name

A store without a name is an empty one that no psd has begun to fill: its files' store was lost.
A process that accepts events and starts on such a store gives it the name of the newest files as
well, if all of these have one, and no process of a store elsewhere is writing them just now
(:func:`name_of_lost_store`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Set
from pathlib import Path

import msgspec

from psd.archive.folders import day_files, day_folders, is_being_written, store_of
from psd.archive.places import places_of
from psd.errors import ConfigError


class Owned(msgspec.Struct, frozen=True):
    """Which stores' files are read; how many of others are ``left_out``, by store.

    ``takes_name`` is what a store without a name is to be called from now on.
    """

    stores: frozenset[str]
    left_out: Mapping[str, int]
    takes_name: str = ""


def files_owned(
    folder: Path, store: str, found: Mapping[str, int], named: Collection[str] = ()
) -> Owned:
    """What may be read of ``found``, the numbers of files by store (empty: none is named).

    Raises :class:`ConfigError` where that would be nothing, and something is there.
    """
    counts = Counter(found)
    others = sorted(each for each in counts if each and each != store and each not in named)
    if not store and len(others) == 1 and not named:
        return Owned(frozenset(others), {}, others[0])
    allowed = frozenset({store, *named} - {""})
    if others and not (counts[""] or any(counts[each] for each in allowed)):
        whose = f"the store calls itself {store}" if store else "the store has no name yet"
        raise ConfigError(
            f"archive.folder = {str(folder)!r}: all files are of {', '.join(others)}, and {whose}; "
            f"if it takes that one's place, give --store {others[0]}"
        )
    return Owned(allowed, {each: counts[each] for each in others})


def name_of_lost_store(folder: Path, places: Set[str] = frozenset()) -> str:
    """The name that a store without one is to have; empty where the files do not tell.

    Files that are being written are those of a living store. It is this one where it is at one of
    these ``places`` (psd/archive/places.py), and another one elsewhere.
    """
    for day in reversed(list(day_folders(folder))):
        named = [path for path in day_files(day) if store_of(path)]
        if not named:
            continue
        names = {store_of(path) for path in named}
        if len(names) > 1:
            return ""
        name = names.pop()
        is_another = any(is_being_written(path) for path in named) and not (
            places & places_of(folder, name)
        )
        return "" if is_another else name
    return ""
