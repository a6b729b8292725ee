"""Who gets what on the ports of faces, and on pages that are there where their domain is on.

As in :mod:`tests.support.access.matrix`, a route that is not here fails the test that asks all.
Pages ask for a session, whatever token a program shows: it is led to the form of signing in.

>>> FACE_MATRIX["joi: GET /readings/read/{meter}"].reader_of_1
403
"""

from __future__ import annotations

from msgspec.structs import replace

from tests.support.access.cases import WHO, Case, booking_of_vehicles, for_all_owners, open_to_all
from tests.support.heaviest.face_requests import FACES
from tests.support.heaviest.page_requests import PAGES
from tests.support.heaviest.request import Request

PAID_BY_1 = "GET /topup/{customer}", "GET /manage/{customer}"


def _same_for_all(path: str, status: int) -> Case:
    return replace(open_to_all(path), **dict.fromkeys((*WHO, "nobody"), status))


def _page(name: str, each: Request) -> Case:
    path = each.path
    method, _, pattern = name.removeprefix("charging: ").removeprefix("swaps: ").partition(" ")
    if "/static/" in path or (method == "GET" and pattern.endswith("/auth/login")):
        return open_to_all(path)
    if pattern.endswith("/auth/login"):
        return _same_for_all(path, 400)
    return _same_for_all(path, 401 if name.endswith("/watch") else 302)


def _pages(face: str) -> dict[str, Case]:
    return {name: _page(name, each) for name, each in FACES[face].items()}


def _joi() -> dict[str, Case]:
    told = FACES["joi"]
    read = {
        "GET /readings/read/{meter}": 404,
        "GET /price-plans/compare-all/{meter}": 404,
        "GET /price-plans/recommend/{meter}": 200,
    }
    found = {name: open_to_all(each.path) for name, each in told.items()}
    found |= {name: for_all_owners(told[name].path, status=status) for name, status in read.items()}
    # An empty body is refused to whoever may send one.
    found["POST /readings/store"] = booking_of_vehicles("/readings/store", b"", 422)
    return found


def _charging() -> dict[str, Case]:
    found = _pages("charging")
    found["POST /hook"] = _same_for_all("/hook", 400)
    for name in PAID_BY_1:
        path = FACES["charging"][name].path.replace("/u1", "/1")
        # Who may, is led to Stripe, which is away here: the original tells that as a 500.
        found[name] = Case(
            path,
            b"",
            admin=500,
            reader=500,
            writer=403,
            reader_of_1=500,
            reader_of_2=403,
            writer_of_1=500,
            writer_of_2=403,
            nobody=401,
        )
    return found


FACE_MATRIX: dict[str, Case] = {
    **{f"joi: {name}": case for name, case in _joi().items()},
    **{f"swaps: {name}": case for name, case in _pages("swaps").items()},
    **{f"charging: {name}": case for name, case in _charging().items()},
    **{name: _page(name, each) for name, each in PAGES.items() if " /charging/" in name},
}
"""By face, method and pattern; without a face on the main port."""
