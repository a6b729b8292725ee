"""The heaviest of pages, of one who has signed in: as much on each as it may show.

What is sent by a form has ``{csrf}`` where the token of its session stands; ``/static`` has files.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from psd.charging.plugs.states import PlugState
from tests.support.clients.http import FORM
from tests.support.heaviest.heavy_domains import FIRST_SWAP
from tests.support.heaviest.heavy_owners import FIRST_VEHICLE, HEAVY_OWNER
from tests.support.heaviest.request import Request, form, gets

CSRF = b"%7Bcsrf%7D"
"""Where the token stands in a form."""

FILES = {
    "": ("copy.js", "time_machine.js", "user.js", "uPlot.iife.min.js", "uPlot.min.css"),
    "/swaps": (),
    "/rewards": (),
    "/energy": (),
    "/charging": (),
}
"""What sites have beside style, icon and live.js."""

FORM_WITH_FILE = "multipart/form-data; boundary=b"


def asked() -> dict[str, Request]:
    """All of them, on the main port."""
    found: dict[str, Request] = {}
    for site, files in FILES.items():
        found |= _signing_in(site, files)
    return found | _own() | _operators() | _of_swaps() | _of_rewards() | _of_energy() | _charging()


def _signing_in(site: str, files: tuple[str, ...]) -> dict[str, Request]:
    paths = ("/auth/login", "/auth/logout", "/static/style.css", "/static/icon.svg")
    names = (*paths, "/static/live.js", *(f"/static/{each}" for each in files))
    typed = _form(f"{site}/auth/login", username="x" * 128, password="x" * 1_000)
    return gets({f"GET {site}{name}": site + name for name in names}) | {
        f"POST {site}/auth/login": typed
    }


def _form(path: str, **fields: str) -> Request:
    return form(path, csrf_token="{csrf}", **fields)


def _own() -> dict[str, Request]:
    board = urlencode({"thing": "steps", "start": "2010-01-01", "end": "2020-01-01"})
    year = urlencode({"thing": "steps", "year": "2016", "goal": "1"})
    long = urlencode({"thing": "steps", "start": "2010-01-01", "end": "2020-01-01"})
    one = "/users/1/activities/5000000000000"
    return {
        **gets(
            {
                "GET /": "/",
                "GET /watch": "/watch?wait=0",
                "GET /boards/": "/boards/",
                "GET /boards/{name}": "/boards/cup",
                "GET /boards/{name}/watch": "/boards/cup/watch?wait=0",
                "GET /board": f"/board?{board}",
                "GET /board/watch": f"/board/watch?{board}&wait=0",
                "GET /users/": "/users/?uid=1",
                "GET /users/{uid}": f"/users/1?{year}",
                "GET /users/{uid}/watch": f"/users/1/watch?{year}&wait=0",
                "GET /users/{uid}/chart": f"/users/1/chart?{long}",
                "GET /users/{uid}/activities/{aid}": one,
            }
        ),
        "POST /users/{uid}/activities/{aid}": _form(one, note="x"),
    }


def _operators() -> dict[str, Request]:
    parts = {"letter": "0" * 16, "audit": "20160412-120000-7f3a", "import": "7f3a6c3b1d4e"}
    parts |= {"mark": "3b1d4e5f"}
    shown = ("", "audits/{audit}", "imports/", "settings/", "slow-scripts/")
    sent = (
        *("dead-letters/", "dead-letters/{letter}", "audits/", "imports/{import}"),
        *("tokens/", "tokens/{mark}"),
    )
    found: dict[str, Request] = {}
    for path in (*shown, *sent):
        found[f"GET /ops/{path}"] = Request(f"/ops/{path.format_map(parts)}")
    for path in sent:
        found[f"POST /ops/{path}"] = _form(f"/ops/{path.format_map(parts)}", name="x", ids="1")
    return found


def _of_swaps() -> dict[str, Request]:
    shown = {
        "/": "/",
        "/index": "/index",
        "/drivers/": "/drivers/?all=1",
        "/driver/{id}/": "/driver/1/?all=1",
        "/charging_stations/": "/charging_stations/?all=1",
        "/charging_station/{id}/": "/charging_station/1/?all=1",
        "/battery/{id}/": "/battery/1/?csv=1",
        "/transactions/new/{id}/": "/transactions/new/1/?more=1",
        "/transactions/edit/{id}/": f"/transactions/edit/{FIRST_SWAP + 2}/?more=1",
    }
    sent = ("/", "/index", "/transactions/new/{id}/", "/transactions/edit/{id}/")
    found = gets({f"GET /swaps{name}": f"/swaps{path}" for name, path in shown.items()})
    for name in sent:
        path = f"/swaps{shown[name]}"
        found[f"POST /swaps{name}"] = _form(path, driver_id="1", battery_out_id="1")
    return found


def _of_rewards() -> dict[str, Request]:
    tables = urlencode({"tables1": "weeks_off_to_drop = 1"})
    return gets(
        {
            "GET /rewards/": "/rewards/",
            "GET /rewards/find": f"/rewards/find?owner={HEAVY_OWNER}",
            "GET /rewards/streaks": "/rewards/streaks",
            "GET /rewards/at-risk": f"/rewards/at-risk?owner={HEAVY_OWNER}",
            "GET /rewards/what-if": f"/rewards/what-if?{tables}",
            "GET /rewards/vehicles/{vehicle}/": f"/rewards/vehicles/{FIRST_VEHICLE}/",
            "GET /rewards/owners/{owner}/": f"/rewards/owners/{HEAVY_OWNER}/",
        }
    )


def _of_energy() -> dict[str, Request]:
    span = urlencode({"start": "2015-05-01", "end": "2016-04-12"})
    return {
        **gets(
            {
                "GET /energy/": "/energy/",
                "GET /energy/meters/{meter}/": "/energy/meters/h-1/",
                "GET /energy/meters/{meter}/plans": f"/energy/meters/h-1/plans?{span}",
                "GET /energy/meters/{meter}/watch": "/energy/meters/h-1/watch?wait=0",
                "GET /energy/upload": "/energy/upload",
            }
        ),
        "POST /energy/upload": Request("/energy/upload", _upload(), FORM_WITH_FILE),
    }


def _upload() -> bytes:
    rows = "".join(f"{1_451_606_400 + n * 1_800},{n % 7}\n" for n in range(20_000))
    fields = {"csrf_token": "{csrf}", "meter": "m-up", "format": "csv"}
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
        for name, text in fields.items()
    ]
    file = 'Content-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nstart,value\n'
    return f"{''.join(parts)}--b\r\n{file}{rows}\r\n--b--\r\n".encode()


def _charging() -> dict[str, Request]:
    paths = {
        "/": "/",
        "/watch": "/watch?wait=0",
        "/sites/{site}/": "/sites/s1/",
        "/sites/{site}/watch": "/sites/s1/watch?wait=0",
        "/plugs/{plug}/": "/plugs/p1/",
        "/plugs/{plug}/watch": "/plugs/p1/watch?wait=0",
        "/plugs/{plug}/qr.svg": "/plugs/p1/qr.svg",
        "/account": "/account?customer=u1",
        "/accounts/{customer}/": "/accounts/u1/?csv=ledger",
        "/accounts/{customer}/topup": "/accounts/u1/topup",
        "/accounts/{customer}/manage": "/accounts/u1/manage",
        "/accounts/{customer}/watch": "/accounts/u1/watch?wait=0",
    }
    found = gets({f"GET /charging{name}": f"/charging{path}" for name, path in paths.items()})
    for name, fields in (
        (
            "/plugs/{plug}/",
            {"requested_state": str(int(PlugState.ACCOUNT_REMOVAL_REQUESTED)), "customer": "u1"},
        ),
        ("/accounts/{customer}/", {"threshold": "10", "recharge": "20"}),
    ):
        path = f"/charging{paths[name].partition('?')[0]}"
        found[f"POST /charging{name}"] = _form(path, **fields)
    return found


def with_token(body: bytes, token: str, content_type: str) -> bytes:
    """A form with the token of its session."""
    return body.replace(CSRF if content_type == FORM else b"{csrf}", token.encode())


PAGES: Mapping[str, Request] = asked()
"""By method and pattern."""
