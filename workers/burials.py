"""A line in the log for each message that went to the dead letter, and no flood of lines.

The line tells what an operator looks for first, and never the body, which is whose it is::

    a message went to the dead letter  kind=metric code=too_early id=0f2a6c3b reason=metric.ts2: ...

Of a flood, the first ``LINES_MAX`` of each ten seconds have a line; the others are counted, and
one line tells how many of each code there were::

    more messages went to the dead letter  too_early=1210 wrong_type=3
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

import msgspec

from psd.engine.decoding import is_json
from psd.queue.deadletter import Letter

log = logging.getLogger("worker")

LINES_MAX = 20
WINDOW_S = 10.0
KIND_CHARACTERS_MAX = 40


class _MessageKind(msgspec.Struct):
    """As much of a message as says what it is."""

    command: str = ""


_json = msgspec.json.Decoder(_MessageKind)
_msgpack = msgspec.msgpack.Decoder(_MessageKind)


class BurialLog:
    """Writes the lines; one instance serves one event loop."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._lines = 0
        self._untold: Counter[str] = Counter()
        self._window: asyncio.TimerHandle | None = None

    def note(self, letter: Letter) -> None:
        """One message was put aside."""
        if self._window is None:
            self._window = asyncio.get_running_loop().call_later(self._window_s, self.close)
        if self._lines >= LINES_MAX:
            self._untold[letter.code] += 1
            return
        self._lines += 1
        log.warning(
            "a message went to the dead letter",
            extra={
                "kind": kind_of(letter.body),
                "code": letter.code,
                "id": letter.id,
                "reason": _on_one_line(letter.reason),
            },
        )

    def close(self) -> None:
        """End the window: tell what had no line."""
        if self._window is not None:
            self._window.cancel()
        if self._untold:
            log.warning("more messages went to the dead letter", extra=dict(self._untold))
        self._window, self._lines = None, 0
        self._untold.clear()


def kind_of(body: bytes) -> str:
    """The command of a message; empty for bytes that have none."""
    try:
        command = (_json if is_json(body) else _msgpack).decode(body).command
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    return _on_one_line(command[:KIND_CHARACTERS_MAX])


def _on_one_line(text: str) -> str:
    """Anything but text may be a second line, or a sequence that takes over a terminal."""
    return text if text.isprintable() else repr(text)
