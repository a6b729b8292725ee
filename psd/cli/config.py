"""``psd config show``: every setting, its value, and which layer it came from."""

from __future__ import annotations

import click
import msgspec

from psd.cli.lazy import Group
from psd.cli.options import pass_settings
from psd.cli.printing import Form, aligned, forms, write_csv_cells
from psd.config_sources import LoadedSettings
from psd.operations.setting_rows import setting_rows


@click.group(cls=Group)
def config() -> None:
    """Look at the settings."""


@config.command()
@click.option("--changed", is_flag=True, help="Only settings that differ from their default.")
@forms
@pass_settings
def show(loaded: LoadedSettings, /, *, changed: bool, form: Form) -> None:
    """Print each setting, its value and its source; secrets are masked."""
    rows = [("KEY", "VALUE", "DEFAULT", "SOURCE") if changed else ("KEY", "VALUE", "SOURCE")]
    for row in setting_rows(loaded.settings):
        if not changed:
            rows.append((row.key, row.value, row.source))
        elif row.is_changed:
            rows.append((row.key, row.value, row.default, row.source))
    heading, *values = rows
    names = [name.lower() for name in heading]
    if form == "table":
        click.echo("\n".join(line.rstrip() for line in aligned(rows)))
    elif form == "csv":
        write_csv_cells(names, values)
    else:
        for each in values:
            click.echo(msgspec.json.encode(dict(zip(names, each, strict=True))))
