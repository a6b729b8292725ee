"""What is set of sites, fuses and plugs, as it is told. Pure.

::

    fuse_settings(held, "s1", "f1")
    -> ShownFuseSettings(id="f1", name="left", current_limit=32.0, site_id="s1", parent="main")
"""

from __future__ import annotations

from psd.charging.plugs.plug_answers import ShownFuseSettings, ShownPlugSettings, ShownSiteSettings
from psd.charging.sites.site_view import SiteSettings

MA = 1000
SITE_TEXTS = (
    *("name", "description"),
    *("address", "city", "postal_code", "latitude", "longitude"),
)


def plug_settings(held: SiteSettings, site: str, plug: str) -> ShownPlugSettings:
    """PlugSettings."""
    name = f"plug:{plug}"
    return ShownPlugSettings(
        id=plug,
        name=held.text(name, "name"),
        current_limit=held.limit_ma(name) / MA,
        site_id=site,
        fuze_id=held.text(name, "fuze_id"),
    )


def fuse_settings(held: SiteSettings, site: str, fuse: str) -> ShownFuseSettings:
    """FuzeSettings."""
    name = f"fuse:{fuse}"
    return ShownFuseSettings(
        id=fuse,
        name=held.text(name, "name"),
        current_limit=held.limit_ma(name) / MA,
        site_id=site,
        parent=held.text(name, "parent"),
    )


def site_settings(held: SiteSettings, site: str) -> ShownSiteSettings:
    """SiteSettings."""
    return ShownSiteSettings(
        id=site,
        current_limit=held.limit_ma("site") / MA,
        **{key: held.text("site", key) for key in SITE_TEXTS},
    )
