"""What a process tells the service manager that started it (systemd, ``Type=notify``).

A datagram a message, to the socket that ``$NOTIFY_SOCKET`` names: a path, or ``@name`` for one that
stands in no folder. One life of a worker whose unit has ``WatchdogSec=30``::

    READY=1, STATUS=working            its queue is open, its port listens
    WATCHDOG=1                         every 10 s, by the event loop that does the work
    STATUS=paused: redis: timed out    it is well: somebody else is away, no restart helps
    STOPPING=1, STATUS=draining        the first SIGTERM

A loop that does not turn sends no sign of life, and neither does a process that finds itself ill
(``ill`` says why): then systemd ends it with SIGABRT and starts another. There is no RELOADING,
because nothing is reloaded by a signal: files of tokens are read again when they change, and other
settings are those of the start. Without ``$NOTIFY_SOCKET`` nothing is told to anybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, MutableMapping

log = logging.getLogger(__name__)

SIGNS_IN_AN_INTERVAL = 3
"""Two of them may be late or lost before the manager takes the process for dead."""

STATUS_EVERY_S = 10.0
"""How often a status is looked at where no sign of life is asked for."""

SEND_TIMEOUT_S = 0.5
"""A manager that takes nothing holds the loop up for no longer."""

Telling = Callable[[], str]
"""One line about the process, empty where there is nothing to say."""


class ServiceManager:
    """The manager at ``address``, which takes a process without signs of life for dead.

    ``address`` is empty where there is none, ``watchdog_s`` 0 where it wants no signs of life.
    """

    def __init__(self, address: str = "", watchdog_s: float = 0.0) -> None:
        self._address = address
        self._is_ready = False
        self._is_stopping = False
        self._status = ""
        self.watchdog_s = watchdog_s

    @property
    def is_there(self) -> bool:
        """Whether anybody listens to this."""
        return bool(self._address)

    def ready(self, status: str) -> None:
        """The process does from now on what it was started for."""
        self._status, self._is_ready = status, True
        self._tell("READY=1", f"STATUS={status}")

    def stopping(self) -> None:
        """It finishes what it has in hand, and ends."""
        if not self._is_stopping:
            self._is_stopping = True
            self._tell("STOPPING=1", "STATUS=draining")

    def status(self, status: str) -> None:
        """A line for ``systemctl status``; what it says already is not said again."""
        if status != self._status and not self._is_stopping:
            self._status = status
            self._tell(f"STATUS={status}")

    def sign_of_life(self) -> None:
        """The process is well, for another ``watchdog_s``."""
        self._tell("WATCHDOG=1")

    @contextlib.asynccontextmanager
    async def watched(self, status: Telling, ill: Telling) -> AsyncIterator[None]:
        """Tell of the process while the body runs, also while it drains, from the running loop."""
        if not self.is_there:
            yield
            return
        signs = asyncio.create_task(self._signs(status, ill), name="service manager")
        try:
            yield
        finally:
            signs.cancel()
            await asyncio.gather(signs, return_exceptions=True)

    async def _signs(self, status: Telling, ill: Telling) -> None:
        every_s = self.watchdog_s / SIGNS_IN_AN_INTERVAL if self.watchdog_s else STATUS_EVERY_S
        known_ill = ""
        while True:
            illness = ill()
            if illness and illness != known_ill:
                log.error("no sign of life for the service manager", extra={"reason": illness})
            known_ill = illness
            if self._is_ready:
                self.status(illness or status())
            if self.watchdog_s and not illness:
                self.sign_of_life()
            await asyncio.sleep(every_s)

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        # A line break in a status would begin another assignment.
        message = "\n".join(" ".join(line.split()) for line in lines).encode()
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(SEND_TIMEOUT_S)
                sender.sendto(message, address)
        except OSError as error:
            log.debug("the service manager takes nothing", extra={"error": str(error)})


def service_manager(environ: MutableMapping[str, str] = os.environ) -> ServiceManager:
    """The one that the environment names, taken out of it: no child of ours speaks for us."""
    address = environ.pop("NOTIFY_SOCKET", "")
    interval_us = environ.pop("WATCHDOG_USEC", "")
    pid = environ.pop("WATCHDOG_PID", "")
    if address and not address.startswith(("/", "@")):
        log.warning("NOTIFY_SOCKET is no unix socket, and is told nothing")
        address = ""
    is_for_us = not pid or pid == str(os.getpid())
    is_number = interval_us.isascii() and interval_us.isdigit()
    watchdog_s = int(interval_us) / 1e6 if is_number and is_for_us else 0.0
    return ServiceManager(address, watchdog_s)
