"""The page on which an activity of a user is taken back.

::

    GET  /users/7/activities/41     take it back? with a note
    POST /users/7/activities/41     done, archived with who and why, and in the user's log
"""

from __future__ import annotations

from urllib.parse import quote

from psd.archive.entries import Entry
from psd.domain.web_page import Answer, Moved, Shown, Visit, WebPage
from psd.engine.withdrawal import (
    WithdrawFields,
    message_of,
    things_of_owners,
    withdrawal_of,
)
from psd.errors import InputError
from psd.queries.activities import nothing_known
from psd.queries.ids import asked_id
from psd.runtime import Runtime
from server.pages.asked_user import named_user


class WithdrawPage:
    """Takes activities back, for those who may write for their user."""

    def __init__(self, runtime: Runtime) -> None:
        self._numbers = things_of_owners(runtime.settings.numbers, runtime.books.things)
        self._engine = runtime.engine
        self._intake = runtime.intake
        self._clock = runtime.clock

    def page(self) -> WebPage:
        """The one page."""
        path = "/users/{uid}/activities/{aid}"
        return WebPage(
            path=path,
            show=self.withdraw,
            parameters=(),
            named=True,
            scope="write",
            takes_forms=True,
        )

    async def withdraw(self, visit: Visit) -> Answer:
        """Ask whether an activity is to be taken back, and take it back."""
        uid, name = named_user(visit)
        visit.identity.require_owner(uid, name)
        aid = asked_id(visit.names["aid"], "aid")
        if not await self._engine.knows_activity(uid, aid, self._numbers):
            raise nothing_known(name, aid)
        if visit.form is None:
            return Shown("withdraw.html", {"uid": name, "aid": aid, "error": ""})
        now_ms = self._clock.now_ms()
        fields = WithdrawFields(name, aid, visit.form.get("note", ""), visit.identity.who)
        try:
            withdrawal = withdrawal_of(fields, self._numbers, now_ms // 1000)
            [done] = await self._intake.accept(
                [withdrawal], lambda: [Entry(now_ms, "", message_of(withdrawal))]
            )
            if done.error is not None:
                raise done.error
        except InputError as error:
            return Shown("withdraw.html", {"uid": name, "aid": aid, "error": str(error)})
        told = f"Activity {aid} is taken back." if done.status == "booked" else "It was already."
        return Moved(f"/users/{quote(name, safe='')}", told)
