"""The activities of user 1 over HTTP: which there are, and taking one back.

>>> await book(runtime, [report(aid=3), report(aid=4)])
>>> (await withdraw(client, 3, query="?note=counted+twice")).json()["status"]
'withdrawn'
>>> await listed(client)
['4']
"""

from __future__ import annotations

from tests.support.clients.http import Answer, HttpClient

NOON = "2016-04-12T12:00:00Z"
"""When the reports of tests/support/engine.py happen, as answers write it."""


async def withdraw(client: HttpClient, aid: int = 3, body: bytes = b"", query: str = "") -> Answer:
    """Take an activity back."""
    return await client.request("DELETE", f"/v3/users/1/activities/{aid}{query}", body)


async def listed(client: HttpClient, query: str = "") -> list[str]:
    """The aids on a page, which must be a 200."""
    answer = await client.get(f"/v3/users/1/activities{query}")
    assert answer.status == 200, answer.text
    return [row["aid"] for row in answer.json()["data"]]
