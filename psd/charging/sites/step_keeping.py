"""Keeps what was decided of plugs, if it still stands, and has carried out what follows from it.

::

    decided = Decided(versions={"p1": 7})
    keeping.add(decided, "p1", step, None, now_ms)     the plug as version 8, and its effects
    await keeping.keep("s1", decided, now_ms)          True; False where somebody came first

Whoever finds that somebody came first reads and decides anew, up to TRIES times.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from psd.charging.charging_metrics import ChargingMetrics
from psd.charging.effects import TellArchive
from psd.charging.outbox import Outbox
from psd.charging.plugs.machine import Machine, PlugMoved, Step
from psd.charging.plugs.states import PlugState
from psd.charging.sites.site_store import Decided, SiteStore
from psd.errors import ChangedError, StoreUnavailableError
from psd.failpoints import reach

TRIES = 10
"""Commits of one step, each decided anew because something it was decided of changed."""

Witness = Callable[[str, str, PlugMoved], None]
"""Is told of each transition that is kept: site, plug, transition."""


class StepKeeping:
    """Of all sites; one that ``archives`` has what plugs become archived too."""

    def __init__(
        self,
        store: SiteStore,
        machine: Machine,
        outbox: Outbox,
        metrics: ChargingMetrics,
        witness: Witness = lambda _site, _plug, _moved: None,
        *,
        archives: bool = False,
    ) -> None:
        self._store = store
        self._machine = machine
        self._outbox = outbox
        self._metrics = metrics
        self._witness = witness
        self._archives = archives

    def add(
        self, decided: Decided, name: str, step: Step, seen_ms: int | None, now_ms: int
    ) -> None:
        """Add a step to what is to be kept."""
        decided.plugs[name] = replace(step.plug, version=step.plug.version + 1)
        decided.effects += step.effects
        due_ms = self._machine.due_ms(step.plug, now_ms)
        decided.dues.append((name, None if step.moved else seen_ms, due_ms))
        if step.moved is not None:
            decided.moved.append((name, step.moved))

    async def keep(self, site: str, decided: Decided, now_ms: int) -> bool:
        """Keep what was decided and carry it out; False where somebody came first."""
        if self._archives and decided.plugs:
            decided.effects.append(TellArchive(decided.plugs))
        try:
            numbers = await self._store.commit(site, decided, now_ms)
        except ChangedError:
            self._metrics.steps.again.inc()
            return False
        reach("charging_committed")
        for name, moved in decided.moved:
            self._tell(site, name, moved)
        if numbers:
            effects = [*zip(numbers, decided.effects, strict=True)]
            await self._outbox.carry_out(site, effects, now_ms)
        return True

    def _tell(self, site: str, name: str, moved: PlugMoved) -> None:
        labels = PlugState(moved.source).name, PlugState(moved.target).name
        self._metrics.steps.transitions.labels(*labels).inc()
        if moved.ends_by:
            self._metrics.steps.sessions.labels(moved.ends_by).inc()
        self._witness(site, name, moved)


def overtaken(name: str) -> StoreUnavailableError:
    """Others came first at every try."""
    return StoreUnavailableError(f"charging: others went on changing plug {name} for {TRIES} tries")
