"""Puts a morning's steps on the queue, with nothing but Python's standard library.

    python examples/producer.py [NSQD]

NSQD is the HTTP address of an nsqd (127.0.0.1:4151). docs/messages.md has every message that
workers take. A report names its activity (`aid`) and the window that its total is about (`ts1`
to `ts2`), so whoever is not sure whether a report arrived sends it again: nothing counts twice.
"""

import json
import sys
import time
import urllib.error
import urllib.request

TOPIC = "psd"
EIGHT = 1460448000  # 2016-04-12 08:00:00 UTC
TRIES = 5

WALKS = [  # (user, activity, start, seconds, steps)
    (501, 1, EIGHT, 1800, 2400),
    (502, 1, EIGHT + 600, 1200, 1800),
    (501, 2, EIGHT + 7200, 900, 1100),
]


def message(uid: int, aid: int, start: int, seconds: int, steps: int) -> bytes:
    """One message: a report of the steps of one walk."""
    metric = {"thing": "steps", "uid": uid, "aid": aid, "value": steps}
    metric |= {"ts1": start, "ts2": start + seconds}
    return json.dumps({"command": "metric", "metric": metric}).encode()


def publish(nsqd: str, messages: list[bytes]) -> None:
    """Publish messages together, one a line; tries again while nsqd is away."""
    url = f"http://{nsqd}/mpub?topic={TOPIC}"
    for tried in range(1, TRIES + 1):
        try:
            with urllib.request.urlopen(url, data=b"\n".join(messages), timeout=5):
                return
        except OSError as error:
            # 4xx is an answer that no second try changes; everything else may pass.
            is_refusal = isinstance(error, urllib.error.HTTPError) and error.code < 500
            if is_refusal or tried == TRIES:
                raise
            time.sleep(2**tried / 10)


if __name__ == "__main__":
    address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:4151"
    publish(address, [message(*walk) for walk in WALKS])
    print(f"{len(WALKS)} reports are on the topic {TOPIC} of {address}")
