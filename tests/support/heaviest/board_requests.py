"""The heaviest about one board, in the order in which it lives."""

from __future__ import annotations

from tests.support.heaviest.request import Request

MEMBERS_MANY = [str(uid) for uid in range(1, 10_001)]


def asked() -> dict[str, Request]:
    """Of a board of 10,000 members."""
    one = "/v3/boards/cup"
    window = {"kind": "fixed", "start": "2016-04-12T00:00:00Z", "end": "2016-04-19T00:00:00Z"}
    made = {"thing": "steps", "window": window, "members": MEMBERS_MANY}
    read = {name: f"{one}/{name}" for name in ("members", "standing", "bracket")}
    read["standing/watch"] = f"{one}/standing/watch?wait=0"
    return {
        "PUT /v3/boards/{name}": Request(one, made),
        "GET /v3/boards": Request("/v3/boards?limit=100"),
        "GET /v3/boards/{name}": Request(one),
        **{f"GET /v3/boards/{{name}}/{name}": Request(path) for name, path in read.items()},
        "POST /v3/boards/{name}/members": Request(f"{one}/members", {"add": MEMBERS_MANY}),
        "PATCH /v3/boards/{name}": Request(one, {"note": "a bicycle"}),
        "POST /v3/boards/{name}/final": Request(f"{one}/final", {"replace": True}),
        "GET /v3/boards/{name}/final": Request(f"{one}/final"),
    }


def taken_away() -> dict[str, Request]:
    """What ends it."""
    one = "/v3/boards/cup"
    return {
        "DELETE /v3/boards/{name}/members": Request(f"{one}/members?all=true"),
        "DELETE /v3/boards/{name}": Request(one),
    }
