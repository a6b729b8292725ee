"""How the commands of this domain are called, for their pages of help (psd/cli/examples.py)."""

from __future__ import annotations

from psd.cli.examples import Examples

ENERGY_EXAMPLES: Examples = {
    "import": ("psd energy import house.csv.gz --format csv --meter house --dry-run",),
    "sample": ("psd energy sample",),
    "usage": ("psd energy usage house 2012-11-01 2012-11-03 --every day",),
    "gaps": ("psd energy gaps house 2012-11-01",),
    "meter show": ("psd energy meter show house",),
    "meter set": ("psd energy meter set house --tz Europe/London --max-kw 14 --plan eco-tou",),
    "meter exchange": (
        "psd energy meter exchange house --time 2013-02-01T09:00Z --final 99870.2 --first 0",
    ),
    "cost": ("psd energy cost house --plan eco --start 2026-01-01 --end 2026-02-01",),
    "compare": ("psd energy compare house --start 2026-01-01 --end 2026-02-01 --limit 5",),
    "recommend": ("psd energy recommend house --start 2026-01-01 --end 2026-02-01 --limit 2",),
    "plans ls": ("psd energy plans ls",),
    "plans show": ("psd energy plans show eco",),
    "plans put": ("psd energy plans put eco eco.json",),
    "plans rm": ("psd energy plans rm eco",),
    "plans import": (
        "psd energy plans import 539f6a23.json --format urdb --plan lp1 --tz America/Chicago",
    ),
    "prices import": ("psd energy prices import rates.json --format octopus --series agile-c",),
    "carbon import": ("psd energy carbon import carbon.csv --format csv --region GB",),
}
