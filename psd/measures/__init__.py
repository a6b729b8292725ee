"""Rules of measures that domains share: units, power over time, money. Pure."""
