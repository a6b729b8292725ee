"""Places at which a test can have this process killed, to show that nothing is lost there.

``PSD_FAILPOINT=before_fin:7`` kills the process with SIGKILL when it reaches ``before_fin`` for
the seventh time. Unset, a place costs one comparison. Places, in the order of a message's way::

    after_read     a batch has come from the queue
    before_script  its script calls are about to be sent
    after_send     they are on their way to Redis, no reply has been read
    after_reply    Redis has answered, nothing is finished
    before_fin     everything is kept, the queue has not been told
    after_fin      the queue has been told

of a domain (``failpoints`` in its ``domain`` module), and of a decision (psd/archive/turns.py)::

    decision_archived  it is in the archive, the store has nothing of it
    decision_kept      the store has it, whoever asked for it was not told

and of the erasure of a user (psd/erasing/erasing.py)::

    erasing_keys       he is off all boards, and has all his keys
    erasing_index      his keys are gone, the index and the registry have him
    erasing_settled    all of it is gone, that it is so is not kept
    archive_cut        a file of the archive stands anew beside the old one

and of a migration (psd/store/migration.py)::

    migrated_page      some hundred keys more are in the other store

and of a backup and what it is restored into (psd/backup)::

    copied_page        some hundred keys more are in the files of the backup
    restored_page      some hundred keys more are in the store
"""

from __future__ import annotations

import os
import signal

from psd.domains import domains
from psd.errors import ConfigError

VARIABLE = "PSD_FAILPOINT"
PLACES = ("after_read", "before_script", "after_send", "after_reply", "before_fin", "after_fin")
DECISION_PLACES = ("decision_archived", "decision_kept")
MIGRATION_PLACES = ("migrated_page",)
BACKUP_PLACES = ("copied_page", "restored_page")
ERASING_PLACES = ("erasing_keys", "erasing_index", "erasing_settled", "archive_cut")


class Failpoint:
    """One place and how often it may still be passed."""

    def __init__(self, place: str, passes: int) -> None:
        self.place = place
        self._passes_left = passes - 1

    def reach(self, place: str) -> None:
        """Die here when this is the place and its time has come."""
        if place != self.place:
            return
        if self._passes_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._passes_left -= 1


def failpoint_of(text: str) -> Failpoint | None:
    """``before_fin:7`` -> that place, at the seventh time; an empty text is none."""
    if not text:
        return None
    place, _, times = text.partition(":")
    of_domains = [place for domain in domains() for place in domain.failpoints]
    own = (*PLACES, *DECISION_PLACES, *ERASING_PLACES, *MIGRATION_PLACES, *BACKUP_PLACES)
    places = (*own, *of_domains)
    if place not in places or not (times or "1").isdecimal() or int(times or "1") < 1:
        raise ConfigError(f"{VARIABLE} = {text!r}: PLACE or PLACE:TIMES, of {', '.join(places)}")
    return Failpoint(place, int(times or "1"))


_armed = failpoint_of(os.environ.get(VARIABLE, ""))


def reach(place: str) -> None:
    """Say that this place was reached."""
    if _armed is not None:
        _armed.reach(place)
