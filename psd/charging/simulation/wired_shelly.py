"""A simulated Shelly that is asked without a socket: what it answers is read as over HTTP.

Where a minute is simulated in a moment, hundreds of devices are read thousands of times::

    WiredShelly(FakeShelly(clock, mac="AABBCCDDEE00", switches=4))     in the place of a Shelly
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from psd.charging.sources.shelly import Shelly
from psd.errors import DeviceUnavailableError
from server.simulation.fake_shelly import FakeShelly

T = TypeVar("T")


class WiredShelly(Shelly):
    """The device beside this process."""

    def __init__(self, fake: FakeShelly) -> None:
        self.host = fake.name
        self._fake = fake

    async def _call(self, method: str, params: dict[str, Any], kind: type[T]) -> T:
        if not self._fake.has_power:
            raise DeviceUnavailableError(f"{self.host}: {method}: no answer (no power)")
        told = self._fake.answer({"id": 1, "method": method, "params": params})
        return self._result(method, msgspec.json.encode(told), kind)
