r"""Every key of charging; docs/architecture.md lists them with type and lifetime.

All that a site has shares the hash tag ``{s:<site>}``, so that one script call changes plugs, due
times and outbox together; an account is under ``{c:<customer>}``. Scripts are handed the root and
derive the rest.

>>> site_root("s1"), customer_root("u1")
('psd:charging:{s:s1}', 'psd:charging:{c:u1}')
"""

from __future__ import annotations

from functools import lru_cache

from psd.store.keys import KeyKind, escaped

SITES_KEY = "psd:charging:{charging}:sites"
"""Sites that ever had a plug: what the clock goes through."""

PLACES_KEY = "psd:charging:{charging}:places"
"""Plug: the site that it is at."""

STRIPE_CUSTOMERS_KEY = "psd:charging:{stripe}:customers"
"""Customer of the payments' site: the customer here."""

LEFT_KEY = "psd:charging:{charging}:left"
"""Customers by the millisecond at which something was begun that may be left: an entry that is not
booked, a top-up that Stripe has not answered."""

TURNS = 64
"""Parts of the sites; each is one worker's at a time."""


def turn_key(part: int) -> str:
    """Which worker steps this part of the sites."""
    return f"psd:charging:{{charging}}:turn:{part}"


@lru_cache(maxsize=4096)
def site_root(site: str) -> str:
    """Root of a site's keys."""
    return f"psd:charging:{{s:{escaped(site)}}}"


def plugs_key(site: str) -> str:
    """Plug: its state, msgpack."""
    return f"{site_root(site)}:plugs"


def rings_key(site: str) -> str:
    """Plug: its newest readings, packed."""
    return f"{site_root(site)}:rings"


def latest_key(site: str) -> str:
    """Plug: its newest reading as it came, msgpack."""
    return f"{site_root(site)}:latest"


def log_key_of(site: str, number: int, strip: int) -> str:
    """The readings of a plug in ten minutes, packed."""
    return f"{site_root(site)}:log:{number}:{strip}"


def site_settings_key(site: str) -> str:
    """``site``, ``plug:<plug>``, ``fuse:<fuse>``: what is set, JSON."""
    return f"{site_root(site)}:settings"


def due_key(site: str) -> str:
    """Plugs by the millisecond at which they are to be looked at."""
    return f"{site_root(site)}:due"


def taken_key(site: str) -> str:
    """Plug: how many readings were kept of it in logs."""
    return f"{site_root(site)}:taken"


def outbox_key(site: str) -> str:
    """Effects that were decided and are not known to be carried out."""
    return f"{site_root(site)}:outbox"


def requests_key(site: str, day: int) -> str:
    """Requests of a day by their id: what they came to."""
    return f"{site_root(site)}:requests:{day}"


def site_sessions_key(site: str) -> str:
    """Sessions of a site by the millisecond of their end."""
    return f"{site_root(site)}:sessions"


def session_key_of(site: str, session: str) -> str:
    """A session that has ended, JSON."""
    return f"{site_root(site)}:session:{session}"


def transitions_key(site: str) -> str:
    """The newest transitions of a site."""
    return f"{site_root(site)}:transitions"


@lru_cache(maxsize=16_384)
def customer_root(customer: str) -> str:
    """Root of a customer's keys."""
    return f"psd:charging:{{c:{escaped(customer)}}}"


def account_key(customer: str) -> str:
    """Balance, number of entries, payment methods, automatic top-up."""
    return f"{customer_root(customer)}:account"


def ledger_key(customer: str) -> str:
    """The truth of money: every entry, 1-0 first."""
    return f"{customer_root(customer)}:ledger"


def entries_seen_key(customer: str) -> str:
    """Id of an entry: its number in the ledger."""
    return f"{customer_root(customer)}:seen"


def open_key(customer: str) -> str:
    """Session that goes on: its cents so far."""
    return f"{customer_root(customer)}:open"


def customer_sessions_key(customer: str) -> str:
    """Sessions of a customer by the millisecond of their end."""
    return f"{customer_root(customer)}:sessions"


def topups_key(customer: str) -> str:
    """Session behind which there was an automatic top-up: by which card while it is under way."""
    return f"{customer_root(customer)}:topups"


_SITE = r"psd:charging:\{s:[A-Za-z0-9._-]{1,48}\}"
_CUSTOMER = r"psd:charging:\{c:[^{}]+\}"

KEYS = (
    KeyKind("sites", r"psd:charging:\{charging\}:sites", "set", "", "sites with plugs"),
    KeyKind("places", r"psd:charging:\{charging\}:places", "hash", "", "plug: its site"),
    KeyKind("turns", r"psd:charging:\{charging\}:turn:\d+", "string", "", "the worker, 3 s"),
    KeyKind("payers", r"psd:charging:\{stripe\}:customers", "hash", "", "payer: customer"),
    KeyKind("left behind", r"psd:charging:\{charging\}:left", "zset", "", "customer by time"),
    KeyKind("plugs", rf"{_SITE}:plugs", "hash", "", "plug: its state"),
    KeyKind("rings", rf"{_SITE}:rings", "hash", "", "plug: newest readings, 12 bytes each"),
    KeyKind("latest readings", rf"{_SITE}:latest", "hash", "", "plug: its newest reading"),
    KeyKind("reading logs", rf"{_SITE}:log:\d+:\d+", "string", "", "readings of ten minutes"),
    KeyKind("site settings", rf"{_SITE}:settings", "hash", "", "site, plug:<plug>, fuse:<fuse>"),
    KeyKind("due plugs", rf"{_SITE}:due", "zset", "", "plug by its due millisecond"),
    KeyKind("outbox", rf"{_SITE}:outbox", "hash", "", "number: effect to be carried out"),
    KeyKind("readings taken", rf"{_SITE}:taken", "hash", "", "plug: readings in logs so far"),
    KeyKind("outbox numbers", rf"{_SITE}:seq", "string", "", "the newest effect's number"),
    KeyKind("plug requests", rf"{_SITE}:requests:\d+", "hash", "", "request: its result, 2 days"),
    KeyKind("site sessions", rf"{_SITE}:sessions", "zset", "", "session by its end"),
    KeyKind("ended sessions", rf"{_SITE}:session:[^{{}}]+", "string", "", "the session, JSON"),
    KeyKind("transitions", rf"{_SITE}:transitions", "stream", "", "the newest 10,000"),
    KeyKind("accounts", rf"{_CUSTOMER}:account", "hash", "", "balance_cents, entries, methods"),
    KeyKind("ledgers", rf"{_CUSTOMER}:ledger", "stream", "", "the truth of money"),
    KeyKind("entries seen", rf"{_CUSTOMER}:seen", "hash", "", "id of an entry: its number"),
    KeyKind("open sessions", rf"{_CUSTOMER}:open", "hash", "", "session: cents so far"),
    KeyKind("automatic top-ups", rf"{_CUSTOMER}:topups", "hash", "", "session: cents and card"),
    KeyKind("customer sessions", rf"{_CUSTOMER}:sessions", "zset", "", "session by its end"),
)
