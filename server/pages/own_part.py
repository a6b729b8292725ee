"""The pages of psd itself: what runs, boards, users, operations. They are below the main root."""

from __future__ import annotations

from psd.domain.part import Part
from psd.runtime import Runtime
from server.operating import Operating
from server.pages.board_pages import BoardPages
from server.pages.booked_minutes import BookedMinutes
from server.pages.ops_pages import OpsPages
from server.pages.own_watching import OwnWatching
from server.pages.state_page import StatePage
from server.pages.user_pages import UserPages
from server.pages.withdraw_page import WithdrawPage


class OwnPart(Part):
    """As a domain's part, but of psd's own."""

    def __init__(self, runtime: Runtime, minutes: BookedMinutes, operating: Operating) -> None:
        watching = OwnWatching(runtime)
        state = StatePage(runtime, minutes, watching)
        self.pages = (
            state.page(),
            *BoardPages(runtime, watching).pages(),
            *UserPages(runtime, watching).pages(),
            WithdrawPage(runtime).page(),
        )
        self.pages += OpsPages(runtime, operating).pages()
        self.page_watchables = (state.watchable(), *watching.watchables())
