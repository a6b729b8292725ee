"""What stays of an archived entry when users are erased. Pure.

::

    {"command":"metrics","metrics":[{"uid":"al",...},{"uid":7,...}]}    without al: the second alone
    {"command":"metric","metric":{"uid":"al",...}}                      nothing
    decisions about boards        without her among the members; her alias in a final
    all other entries             themselves

An entry is changed only where its number is lower than that of the erasure. A message keeps its
format, and its fields that nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import msgspec

from psd.archive.decisions import Decision, decision_of, entry_of, is_decision
from psd.archive.entries import Entry
from psd.archive.erasures import Erasures, is_erased
from psd.engine.decoding import is_json
from psd.engine.withdrawal import COMMAND as WITHDRAW
from psd.errors import InputError
from psd.queries.boards.decisions import KINDS, BoardDefined, FinalDeclared, MembersChanged
from psd.queries.boards.definitions import without
from psd.queries.boards.finals import with_alias
from psd.users import user_of


class EntryEdit:
    """Edits the entries of one archive; of things named in ``numbered`` a uid is no user's."""

    def __init__(self, erasures: Erasures, numbered: Collection[str]) -> None:
        self._erasures = erasures
        self._numbered = numbered

    def __call__(self, entry: Entry, number: int) -> Entry | None:
        """What stays of an entry."""
        if all(number >= each.number for each in self._erasures.values()):
            return entry
        if is_decision(entry):
            return self._decision(entry, number)
        decode, encode = _JSON if is_json(entry.body) else _MSGPACK
        try:
            message = decode(entry.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return entry
        if not isinstance(message, dict):
            return entry
        command = message.get("command")
        if command == "metrics" and isinstance(message.get("metrics"), list):
            return self._list(entry, message, number, encode)
        fields = message.get(command) if command in ("metric", WITHDRAW) else None
        return None if self._is_gone(fields, number) else entry

    def _list(
        self, entry: Entry, message: dict[str, Any], number: int, encode: Callable[[Any], bytes]
    ) -> Entry | None:
        metrics = message["metrics"]
        left = [fields for fields in metrics if not self._is_gone(fields, number)]
        if len(left) == len(metrics):
            return entry
        return _with_body(entry, encode({**message, "metrics": left})) if left else None

    def _is_gone(self, fields: Any, number: int) -> bool:
        """Whether a metric or a withdrawal is an erased user's."""
        if not isinstance(fields, dict) or fields.get("thing") in self._numbered:
            return False
        uid = fields.get("uid", 0)
        return isinstance(uid, int | str) and self._is_erased(uid, number)

    def _is_erased(self, user: int | str, number: int) -> bool:
        try:
            return is_erased(user_of(user), number, self._erasures)
        except InputError:
            return False

    def _decision(self, entry: Entry, number: int) -> Entry:
        try:
            decision = decision_of(entry, KINDS)
        except InputError:
            # Of another keeper: none of these is about users.
            return entry
        edited = self._edited(decision, number)
        if edited == decision:
            return entry
        return _with_body(entry, entry_of(edited, entry.accepted_ms).body)

    def _edited(self, decision: Decision, number: int) -> Decision:
        if isinstance(decision, MembersChanged):
            return msgspec.structs.replace(
                decision,
                add=[uid for uid in decision.add if not self._is_erased(uid, number)],
                remove=[uid for uid in decision.remove if not self._is_erased(uid, number)],
                names=tuple(name for name in decision.names if not self._is_erased(name, number)),
            )
        if isinstance(decision, FinalDeclared):
            aliases = {
                uid: each.decision.alias
                for uid, each in self._erasures.items()
                if number < each.number
            }
            return msgspec.structs.replace(decision, final=with_alias(decision.final, aliases))
        if isinstance(decision, BoardDefined):
            board = decision.board
            definition = without(board.definition, lambda user: self._is_erased(user, number))
            return msgspec.structs.replace(
                decision, board=msgspec.structs.replace(board, definition=definition)
            )
        return decision


def _with_body(entry: Entry, body: bytes) -> Entry:
    return Entry(entry.accepted_ms, entry.id, body)


_JSON = (msgspec.json.Decoder().decode, msgspec.json.Encoder().encode)
_MSGPACK = (msgspec.msgpack.Decoder().decode, msgspec.msgpack.Encoder().encode)
