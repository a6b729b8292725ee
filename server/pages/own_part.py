"""The pages of psd itself: what runs, boards, users. They are below the root of the main port."""

from __future__ import annotations

from psd.domain.part import Part
from psd.runtime import Runtime
from server.pages.board_pages import BoardPages
from server.pages.booked_minutes import BookedMinutes
from server.pages.own_watching import OwnWatching
from server.pages.state_page import StatePage
from server.pages.user_pages import UserPages
from server.pages.withdraw_page import WithdrawPage


class OwnPart(Part):
    """As a domain's part, but of psd's own."""

    def __init__(self, runtime: Runtime, minutes: BookedMinutes) -> None:
        watching = OwnWatching(runtime)
        state = StatePage(runtime, minutes, watching)
        self.pages = (
            state.page(),
            *BoardPages(runtime, watching).pages(),
            *UserPages(runtime, watching).pages(),
            WithdrawPage(runtime).page(),
        )
        self.page_watchables = (state.watchable(), *watching.watchables())
