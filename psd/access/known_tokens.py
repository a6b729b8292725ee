"""The tokens that are known just now: those of the settings, whose file is read when it changed.

::

    tokens = KnownTokens(settings.access)       access.tokens_file = "/etc/psd/tokens"
    tokens.table()                              looks at the file once a second at most
    -> TokenTable of what it says, or of what it said before somebody broke it

The HTTP server and the gRPC service have one each: a token that is taken out is refused by both a
second later.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

from psd.access.tokens import TokenTable, token_table
from psd.config import AccessSettings
from psd.errors import ConfigError

log = logging.getLogger("access")

LOOK_EVERY_S = 1.0
"""Between two looks at the file of tokens: a look at each request took 6 us, 8 % of a query."""


class KnownTokens:
    """The tokens of the settings; their file is read again when it has changed."""

    def __init__(self, settings: AccessSettings) -> None:
        self._settings = settings
        self._looked_at_s = time.monotonic()
        self._seen = self._stamp()
        self._table = token_table(settings)

    def table(self) -> TokenTable:
        """What is known now, or was a second ago where there is a file."""
        if not self._settings.tokens_file:
            return self._table
        now_s = time.monotonic()
        if now_s - self._looked_at_s < LOOK_EVERY_S:
            return self._table
        self._looked_at_s = now_s
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            try:
                self._table = token_table(self._settings)
                log.info("tokens were read again", extra={"tokens": len(self._table)})
            except ConfigError as error:
                # Half a file, in the middle of a copy, must not lock everybody out.
                log.error("tokens stay as they were", extra={"reason": str(error)})
        return self._table

    def look_again(self) -> None:
        """Whoever asks next has the file looked at: somebody here has changed it."""
        self._looked_at_s = float("-inf")

    def _stamp(self) -> tuple[int, ...]:
        if not self._settings.tokens_file:
            return ()
        try:
            found = Path(self._settings.tokens_file).stat()
        except OSError:
            return (0,)
        return (found.st_mtime_ns, found.st_size, found.st_ino)
