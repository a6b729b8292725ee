"""The pages of psd itself: what runs, and boards. They are below the root of the main port."""

from __future__ import annotations

from psd.domain.part import Part
from psd.runtime import Runtime
from server.pages.board_pages import BoardPages
from server.pages.booked_minutes import BookedMinutes
from server.pages.state_page import StatePage


class OwnPart(Part):
    """As a domain's part, but of psd's own."""

    def __init__(self, runtime: Runtime, minutes: BookedMinutes) -> None:
        state = StatePage(runtime, minutes)
        self.pages = (state.page(), *BoardPages(runtime).pages())
        self.page_watchables = (state.watchable(),)
