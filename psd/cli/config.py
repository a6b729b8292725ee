"""``psd config show``: every setting, its value, and which layer it came from."""

from __future__ import annotations

import click

from psd.cli.lazy import Group
from psd.cli.options import pass_settings
from psd.cli.printing import Form, forms, show_lines
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
    rows = [("key", "value", "default", "source") if changed else ("key", "value", "source")]
    for row in setting_rows(loaded.settings):
        if not changed:
            rows.append((row.key, row.value, row.source))
        elif row.is_changed:
            rows.append((row.key, row.value, row.default, row.source))
    show_lines(form, rows)
