"""Meters: a domain as small as one can be that has all that a domain may bring."""

from __future__ import annotations

from psd.domain.definition import Domain
from psd.domain.dialect import Dialect
from psd.domain.face import Face
from psd.meters.keys import KEYS
from psd.meters.old import OldFailure, told_by_old
from psd.meters.settings import MetersSettings

METERS = Domain(
    name="meters",
    docs="Meters, and the newest reading of each.",
    settings=MetersSettings,
    keys=KEYS,
    messages="psd.meters.events:messages_of",
    open="psd.meters.part:Meters",
    cli=("psd.meters.cli:meters", "Look at meters."),
    client=("psd.meters.client:AsyncMeters", "psd.meters.client:Meters"),
    failpoints=("meters_kept",),
    face=Face(
        name="old",
        port=8020,
        dialect=Dialect(name="old", failure=OldFailure, tell=told_by_old, tells_missing=True),
    ),
)
