"""What the routes that book share: bodies of several documents, who may write, the summary.

A summary counts by outcome, and tells each refusal by its place in the body::

    {"booked":2,"unchanged":0,"duplicate":0,
     "refused":[{"index":1,"code":"unknown_thing","message":"thing: 'floors' is unknown; ..."}]}

and, where there are any, ``"withdrawn"``: reports of activities that were withdrawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from aiohttp import web

from psd.access.identity import ANYBODY, Identity
from psd.engine.events import Accepted, Report, Withdrawal
from psd.engine.nesting import too_deep
from psd.engine.outcomes import Outcome
from psd.errors import ForbiddenError, InputError, MalformedError, TooLargeError
from server import answers


def split_documents(body: bytes, documents_max: int) -> list[bytes]:
    """The JSON texts in a body: the elements of a list, or the lines that are not blank.

    Raises :class:`MalformedError` for a list that is not JSON, :class:`TooLargeError` when
    there are more than ``documents_max``, or one is nested too deep to be cut out.
    """
    if body.lstrip()[:1] == b"[":
        try:
            documents = [bytes(raw) for raw in _DECODE_LIST(body)]
        except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
            raise MalformedError(f"body: {exc}") from exc
        except RecursionError as exc:
            raise too_deep() from exc
    else:
        documents = [line for line in body.splitlines() if line.strip()]
    if len(documents) > documents_max:
        raise TooLargeError(f"body: {len(documents)} reports, at most {documents_max} are allowed")
    return documents


_DECODE_LIST = msgspec.json.Decoder(list[msgspec.Raw]).decode


def one_or_more_documents(body: bytes, documents_max: int) -> list[bytes]:
    """As :func:`split_documents`, and a body that is one object over several lines is one."""
    if body.lstrip()[:1] == b"{":
        try:
            return [bytes(_DECODE_ONE(body))]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            # One document a line, or one that is told what is wrong with it when it is read.
            return split_documents(body, documents_max)
    return split_documents(body, documents_max)


_DECODE_ONE = msgspec.json.Decoder(msgspec.Raw).decode


def require_writable(
    identity: Identity, events: Sequence[Accepted], domain_things: Collection[int]
) -> None:
    """Refuse what a restricted identity may not write: raises ForbiddenError.

    It writes for its owners. Counts have none, and the uid of a domain's thing is a number of the
    domain and nobody's: who has a vehicle would otherwise book its points himself. A withdrawal
    names whoever asks for it, because the owner's log will say who that was.
    """
    for event in events:
        if isinstance(event, Withdrawal) and identity is not ANYBODY and event.by != identity.who:
            raise ForbiddenError(f"by: must be {identity.who!r}, who this token is of")
    if identity.owners is None:
        return
    for event in events:
        if isinstance(event, Withdrawal):
            identity.require_owner(event.uid, event.name)
            continue
        if not isinstance(event, Report):
            raise ForbiddenError("command: this token may write for its owners only")
        if event.thing in domain_things:
            raise ForbiddenError("thing: about no user; this token may write for its owners only")
        identity.require_owner(event.uid, event.name)


def refusal(index: int, error: InputError) -> dict[str, Any]:
    """Why nothing of one document was booked."""
    return {"index": index, "code": error.code, "message": str(error)}


def summary(outcomes: dict[int, Outcome], refused: list[dict[str, Any]]) -> web.Response:
    """The answer about all documents: 406 when one was refused, though the others are booked."""
    refused += [
        refusal(index, outcome.error)
        for index, outcome in outcomes.items()
        if outcome.error is not None
    ]
    refused.sort(key=lambda refusal: int(refusal["index"]))
    counted = Counter(outcome.status for outcome in outcomes.values())
    body = {
        "booked": counted["booked"],
        "unchanged": counted["unchanged"],
        "duplicate": counted["duplicate"],
        **({"withdrawn": counted["withdrawn"]} if counted["withdrawn"] else {}),
        "refused": refused,
    }
    return answers.json(msgspec.json.encode(body), 406 if refused else 200)
