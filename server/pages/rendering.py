"""Templates become HTML. Nothing else in psd knows of Jinja2.

psd's own templates are in server/pages/templates, those of a domain in its folder; a domain's
template is named with the domain before it, and extends psd's frame::

    Templates().html("meters/driver.html", {"driver": ...})
    {% extends "psd/frame.html" %}

Every value is escaped, and one that is missing is an error rather than a gap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined

from psd.domains import domains, folder_of

HERE = Path(__file__).parent

CORE = "psd"
"""The name of the site of psd's own pages, and of the folder of their templates."""

CONTENT_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
"""Of what scripts bring: themselves, and the looks of what others wrote (vendored)."""

STYLE = (HERE / "style.css").read_bytes()
ICON = (HERE / "icon.svg").read_bytes()


def mark_of(content: bytes) -> str:
    """Stands in the link to a file, so that a browser may keep it for ever."""
    return hashlib.sha256(content).hexdigest()[:12]


STYLE_MARK = mark_of(STYLE)


def scripts_of(name: str) -> dict[str, bytes]:
    """Scripts of a domain's pages with their styles, psd's own among them, by names of files."""
    own = [HERE / f"{page}_scripts" for page in ("state", "board", "user")]
    own.append(HERE / "vendored" / "uplot")
    if name != CORE:
        [domain] = [domain for domain in domains() if domain.name == name]
        own = [folder_of(domain) / "scripts"]
    folders = (HERE / "scripts", *own)
    found = [path for folder in folders for path in sorted(folder.glob("*.*"))]
    return {path.name: path.read_bytes() for path in found if path.suffix in CONTENT_TYPES}


class Templates:
    """The templates of psd and of its domains, compiled when they are first needed."""

    def __init__(self) -> None:
        loaders: dict[str, BaseLoader] = {CORE: FileSystemLoader(HERE / "templates")}
        for domain in domains():
            loaders[domain.name] = FileSystemLoader(folder_of(domain) / "templates")
        self._environment = Environment(
            loader=PrefixLoader(loaders),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )

    def html(self, template: str, values: Mapping[str, Any]) -> str:
        """A page; ``template`` is ``psd/...`` or ``<domain>/...``."""
        return self._environment.get_template(template).render(values)
