"""What a board is: made, replaced, patched, listed, and changed only as it was read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.clients.http_boards import WEEK, BoardsClient


async def test_a_board_is_made_shown_replaced_and_taken_away(boards: BoardsClient) -> None:
    made = await boards.put("april", 11, 22, title="April", note="with a cup")
    assert made.status == 201
    assert made.json() == {
        "name": "april",
        "revision": 1,
        "members": 2,
        "made_at": "2016-05-12T00:00:00Z",
        "changed_at": "2016-05-12T00:00:00Z",
        "changed_by": "anybody",
        "title": "April",
        "atid": [],
        "ties": "competition",
        "rounds": None,
        "note": "with a cup",
        **WEEK,
    }
    shown = await boards.ask("GET", "/april")
    assert (shown.text, shown.headers["Etag"]) == (made.text, made.headers["Etag"])
    replaced = await boards.ask("PUT", "/april", {**WEEK, "ties": "dense"})
    assert replaced.status == 200
    assert replaced.json() == {
        **made.json(),
        "revision": 2,
        "title": "",
        "note": "",
        "ties": "dense",
    }
    assert (await boards.ask("DELETE", "/april")).status == 204
    assert (await boards.refused("GET", "/april"))[:2] == (404, "not_found")
    assert (await boards.refused("DELETE", "/april"))[:2] == (404, "not_found")


async def test_the_same_definition_again_is_no_new_version(boards: BoardsClient) -> None:
    first = await boards.put("a", 1)
    again = await boards.put("a", 1)
    assert first.text == again.text
    assert first.headers["Etag"] == again.headers["Etag"]


async def test_a_patch_replaces_fields_and_null_is_the_default(boards: BoardsClient) -> None:
    await boards.put("a", 1, title="old", atid=["2"], ties="dense")
    rolling = {"kind": "rolling", "seconds": 60}
    answer = await boards.ask("PATCH", "/a", {"title": "new", "ties": None, "window": rolling})
    found = answer.json()
    assert (found["title"], found["ties"], found["window"]) == ("new", "competition", rolling)
    assert (found["atid"], found["members"], found["revision"]) == (["2"], 1, 2)
    assert (await boards.refused("PATCH", "/none", {}))[0] == 404
    for body in ({"thing": "floors"}, {"thing": None}, {"members": []}, {"window": {"kind": "x"}}):
        assert (await boards.refused("PATCH", "/a", body))[:2] == (400, "bad_query"), body
    assert (await boards.refused("PATCH", "/a", b"[]"))[:2] == (400, "malformed")
    assert (await boards.json("/a")) == found


async def test_only_the_version_that_was_read_is_changed(boards: BoardsClient) -> None:
    first = (await boards.put("a", 1)).headers["Etag"]
    second_tag = (await boards.ask("PATCH", "/a", {"title": "b"})).headers["Etag"]
    assert first != second_tag
    for method, body in (("PUT", WEEK), ("PATCH", {"title": "c"}), ("DELETE", None)):
        answer = await boards.ask(method, "/a", body, {"If-Match": first})
        assert (answer.status, answer.json()["code"]) == (412, "changed")
        answer = await boards.ask(method, "/a", body, {"If-Match": "W/x"})
        assert (answer.status, answer.json()["code"]) == (400, "bad_query")
    answer = await boards.ask("PATCH", "/a", {"title": "c"}, {"If-Match": second_tag})
    assert answer.json()["title"] == "c"
    assert (await boards.ask("PUT", "/a", WEEK, {"If-None-Match": "*"})).status == 412
    assert (await boards.ask("PUT", "/b", WEEK, {"If-Match": "*"})).status == 412
    assert (await boards.ask("PUT", "/b", WEEK, {"If-None-Match": "*"})).status == 201
    assert (await boards.ask("PUT", "/b", WEEK, {"If-Match": "*"})).status == 200
    # A board of the same name that is made anew is another one, whatever its revision.
    await boards.ask("DELETE", "/b")
    anew = (await boards.put("b")).headers["Etag"]
    assert anew.endswith('-1.0"')
    assert (await boards.ask("DELETE", "/b", None, {"If-Match": anew})).status == 204


async def test_a_change_is_for_any_version_of_a_list_and_for_no_weak_one(
    boards: BoardsClient,
) -> None:
    tag = (await boards.put("a", 1)).headers["Etag"]
    for names, status in (
        (f'"x", {tag}', 200),
        (f'W/"x", {tag} , "y"', 200),
        (f"W/{tag}", 412),
        (f'"x", W/{tag}', 412),
        ('"x"', 412),
        ("", 400),
        (tag.strip('"'), 400),
        (f"*, {tag}", 400),
    ):
        answer = await boards.ask("PATCH", "/a", {"note": ""}, {"If-Match": names})
        assert answer.status == status, names
    for names, status in (
        (tag, 412),
        (f"W/{tag}", 412),
        (f'"x", W/{tag}', 412),
        ('"x", "y"', 200),
    ):
        answer = await boards.ask("PUT", "/a", WEEK, {"If-None-Match": names})
        assert answer.status == status, names
    both = {"If-Match": tag, "If-None-Match": '"x"'}
    assert (await boards.ask("PATCH", "/a", {}, both)).status == 200
    assert (await boards.ask("PATCH", "/a", {}, {**both, "If-None-Match": "*"})).status == 412


async def test_a_board_that_somebody_has_is_not_sent_again(boards: BoardsClient) -> None:
    tag = (await boards.put("a", 1)).headers["Etag"]
    for names in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        for method in ("GET", "HEAD"):
            answer = await boards.ask(method, "/a", None, {"If-None-Match": names})
            assert (answer.status, answer.text) == (304, "")
            assert answer.headers["Etag"] == tag
    await boards.ask("POST", "/a/members", {"add": ["2"]})
    answer = await boards.ask("GET", "/a", None, {"If-None-Match": tag})
    assert (answer.status, answer.json()["members"]) == (200, 2)
    changed = await boards.ask("PATCH", "/a", {"note": "n"}, {"If-Match": tag})
    assert changed.status == 200, "who came is no change of the definition"
    assert (await boards.ask("GET", "/none", None, {"If-None-Match": "*"})).status == 404


async def test_changes_at_the_same_time_do_not_undo_each_other(boards: BoardsClient) -> None:
    await boards.put("a")
    fields = ({"title": "t"}, {"note": "n"}, {"ties": "dense"}, {"atid": ["7"]})
    answers = await asyncio.gather(*(boards.ask("PATCH", "/a", each) for each in fields))
    assert [answer.status for answer in answers] == [200] * 4
    found = await boards.json("/a")
    assert (found["title"], found["note"], found["ties"], found["atid"]) == (
        "t",
        "n",
        "dense",
        ["7"],
    )
    assert found["revision"] == 5


async def test_boards_are_listed_by_name_in_pages(boards: BoardsClient) -> None:
    assert await boards.json("") == {"data": [], "next": None}
    for name in ("b", "a", "c.1", "c-2", "c_3"):
        await boards.put(name, 1, 2)
    names, cursor = [], ""
    while cursor is not None:
        page = await boards.json(f"?limit=2&cursor={cursor}")
        assert all(row["members"] == 2 for row in page["data"])
        names += [row["name"] for row in page["data"]]
        cursor = page["next"]
    assert names == ["a", "b", "c-2", "c.1", "c_3"]


@pytest.mark.parametrize("name", ["A", "a%20b", "-a", "a" * 65, "%C3%BC", "a%2Fb"])
async def test_a_name_of_other_letters_is_refused(boards: BoardsClient, name: str) -> None:
    assert (await boards.refused("PUT", f"/{name}", WEEK))[:2] == (400, "bad_query")
    assert (await boards.refused("GET", f"/{name}"))[:2] == (400, "bad_query")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "thing"),
        ({**WEEK, "thing": "floors"}, "thing"),
        ({**WEEK, "window": {"kind": "fixed", "start": 9, "end": 9}}, "window"),
        ({**WEEK, "window": {"kind": "rolling", "seconds": 0}}, "window"),
        ({**WEEK, "window": {"kind": "calendar", "every": "month", "tz": "Mars"}}, "tz"),
        ({**WEEK, "atid": ["x"]}, "atid"),
        ({**WEEK, "ties": "coin"}, "ties"),
        ({**WEEK, "members": ["007"]}, "members"),
        ({**WEEK, "rounds": {"windows": []}}, "rounds"),
        (
            {**WEEK, "rounds": {"windows": [{"start": 5, "end": 9}, {"start": 8, "end": 12}]}},
            "rounds",
        ),
        (
            {
                **WEEK,
                "rounds": {"windows": [{"start": 5, "end": 9}], "order": [1], "seeded_by": "a"},
            },
            "rounds.order",
        ),
        ({**WEEK, "more": 1}, "more"),
    ],
)
async def test_a_definition_that_contradicts_itself_is_refused(
    boards: BoardsClient, body: Any, field: str
) -> None:
    status, code, detail = await boards.refused("PUT", "/a", body)
    assert (status, code) == (400, "bad_query")
    assert detail.startswith(field), detail
    assert (await boards.refused("GET", "/a"))[0] == 404
