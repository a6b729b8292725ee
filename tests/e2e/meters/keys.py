"""Every key of meters."""

from __future__ import annotations

from psd.store.keys import KeyKind

METERS_KEY = "psd:meters:{all}"

KEYS = (KeyKind("meters", r"psd:meters:\{all\}", "hash", "", "meter: its newest reading in Wh"),)
