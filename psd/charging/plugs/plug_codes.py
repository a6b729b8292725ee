"""The code on a plug: a QR code of the address of its page, to be printed and stuck beside it.

>>> drawn("https://yard.example/charging/plugs/shelly%3AA0%3A0/")
b'<?xml ...<svg ... viewBox="0 0 45 45">...'      37 squares a side, and 4 of the quiet zone around

Black on white whatever the colours of the page are, and without a size: it is as large as the paper
or the picture that it is put into. The library is the extra ``charging`` and imported when the
first code is drawn.
"""

from __future__ import annotations

import asyncio
import importlib
import io
from typing import Any
from urllib.parse import quote

from psd.charging.plugs.plug_questions import PlugQuestions
from psd.domain.question import Asked, NoParameters
from psd.domain.web_page import Answer, Content, Visit, WebPage
from psd.errors import MalformedError, UnavailableError

CORRECTION = "m"
"""A code stays readable with 15 % of it scratched or dirty; more would need finer squares."""


class PlugCodes:
    """Draws the codes of plugs for those who see their pages."""

    def __init__(self, plugs: PlugQuestions) -> None:
        self._plugs = plugs

    def page(self) -> WebPage:
        """The drawing, beside the page that it leads to."""
        return WebPage(path="/plugs/{plug}/qr.svg", show=self.code, parameters=(), named=True)

    async def code(self, visit: Visit) -> Answer:
        """A code, of the address by which the visitor would have come to the page."""
        asked = Asked(NoParameters(), visit.names, visit.identity, visit.sees)
        status = await self._plugs.plug(asked)
        if not visit.site_url:
            raise MalformedError("Host: expected the name by which this server is reached")
        address = f"{visit.site_url}/plugs/{quote(status.id, safe='')}/"
        # Some 10 ms, and 50 of a long address.
        drawing = await asyncio.to_thread(drawn, address)
        return Content("plug.svg", "image/svg+xml", drawing, is_shown=True)


def drawn(address: str) -> bytes:
    """An SVG document; raises UnavailableError where the library is missing."""
    into = io.BytesIO()
    _segno().make(address, error=CORRECTION, micro=False).save(
        into, kind="svg", light="#fff", omitsize=True, svgclass=None, lineclass=None, title=address
    )
    return into.getvalue()


def _segno() -> Any:
    try:
        return importlib.import_module("segno")
    except ImportError as exc:
        raise UnavailableError(
            f"charging: QR codes need segno ({exc}); pip install 'pointspace[charging]'"
        ) from exc
