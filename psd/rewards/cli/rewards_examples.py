"""How the commands of this domain are called, for their pages of help (psd/cli/examples.py)."""

from __future__ import annotations

from psd.cli.examples import Examples

REWARDS_EXAMPLES: Examples = {
    "calculate": (
        "psd rewards calculate",
        "psd rewards calculate 10 --dry-run",
    ),
    "what-if": ("psd rewards what-if --conf tables.toml --weeks 4-10",),
    "weeks": ("psd rewards weeks --json",),
    "statement": ("psd rewards statement 7 --week 4",),
    "history": ("psd rewards history 42",),
    "export": ("psd rewards export 10 --due > due.csv",),
    "paid": ("psd rewards paid 10 receipts.csv",),
    "blacklist add": ('psd rewards blacklist add 0x12ef --note "stolen wallet"',),
    "blacklist rm": ("psd rewards blacklist rm 0x12ef",),
    "blacklist ls": ("psd rewards blacklist ls --json",),
    "override set": ('psd rewards override set 7 --week 5 --streak 12 --note "support case 981"',),
    "override rm": ("psd rewards override rm 7 --week 5",),
    "override ls": ("psd rewards override ls --week 5",),
    "serve": ("psd rewards serve --port 8086",),
}
