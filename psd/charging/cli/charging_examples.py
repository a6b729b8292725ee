"""How the commands of this domain are called, for their pages of help (psd/cli/examples.py)."""

from __future__ import annotations

from psd.cli.examples import Examples

CHARGING_EXAMPLES: Examples = {
    "simulate": ("psd charging simulate --plugs 8 --fuse-amps 32 --cars 12 --seed 1 --speed 30",),
    "scenario": ("psd charging scenario happy-path.json --json",),
    "plugs": ("psd charging plugs --site s1 --json",),
    "fuses": ("psd charging fuses --site s1",),
    "request": ("psd charging request p1 enable --as u1",),
    "sessions": ("psd charging sessions --customer u1",),
    "export": ("psd charging export --ocpi --after 2024-08-01 > cdrs.jsonl",),
    "restore": ("psd charging restore",),
    "ledger": ("psd charging ledger u1",),
    "post": (
        'psd charging post u1 5000 --kind opening --id opening/u1 --note "moved from the old one"',
    ),
    "link": ("psd charging link u1 --manage",),
    "site": ("psd charging site --site s1 --device 192.168.1.7 --nsqd 10.0.0.1:4150",),
}
