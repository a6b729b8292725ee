"""How the commands of this domain are called, for their pages of help (psd/cli/examples.py)."""

from __future__ import annotations

from psd.cli.examples import Examples

SWAPS_EXAMPLES: Examples = {
    "add": (
        "psd swaps add --driver D1 --station S1 --battery-out B1 --out-energy 180 --odometer 1000",
    ),
    "correct": ("psd swaps correct 7 --driver D1 --station S1 --battery-out B1 --odometer 1040",),
    "show": ("psd swaps show 7",),
    "driver": ("psd swaps driver D1 --limit 10",),
    "station": ("psd swaps station S1 --at 2020-09-01T09:00:00Z",),
    "battery": ("psd swaps battery B1",),
    "days": ("psd swaps days D1 --tz Africa/Kigali",),
    "events": ("psd swaps events --after 100 --json",),
    "check": ("psd swaps check",),
    "verify": ("psd swaps verify --repair",),
    "rebuild": ("psd swaps rebuild --network main",),
    "import": ("psd swaps import swaps.csv --kind swap",),
    "sample": ("psd swaps sample",),
    "scenario": ("psd swaps scenario first-swap.json --json",),
}
