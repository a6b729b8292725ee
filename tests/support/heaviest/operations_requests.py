"""The heaviest of operators."""

from __future__ import annotations

from tests.support.heaviest.request import UIDS, Request


def asked() -> dict[str, Request]:
    """What operators ask; this store has no letters, no imports and no file of tokens."""
    root, many = "/v3/ops", [f"{n:016x}" for n in range(1_000)]
    asked = {
        "log": "log?limit=1000",
        "settings": "settings",
        "slow-scripts": "slow-scripts",
        "tokens": "tokens",
        "audits": "audits",
        "audits/{audit}": "audits/20160412-120000-7f3a",
        "dead-letters": "dead-letters?limit=1000",
        "dead-letters/{letter}": f"dead-letters/{many[0]}",
        "imports": "imports",
        "imports/{import}": "imports/7f3a6c3b1d4e",
    }
    ordered = {
        "audits": ("audits", {}),
        "dead-letters/drop": ("dead-letters/drop", {"ids": many}),
        "dead-letters/replay": ("dead-letters/replay", {"ids": many}),
        "imports/{import}/undo": ("imports/7f3a6c3b1d4e/undo", {}),
        "tokens": ("tokens", {"name": "amp", "scopes": ["read"], "owners": UIDS}),
        "tokens/{mark}/revoke": ("tokens/3b1d4e5f/revoke", {}),
    }
    return {
        **{f"GET {root}/{name}": Request(f"{root}/{path}") for name, path in asked.items()},
        **{
            f"POST {root}/{name}": Request(f"{root}/{path}", body)
            for name, (path, body) in ordered.items()
        },
    }
