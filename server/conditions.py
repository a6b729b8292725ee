"""Conditional requests: whether what a client has, or means to change, is what is there.

As RFC 9110 has it: a header holds ``*`` or a list of tags, also over several lines, and a tag may
hold a comma. ``If-None-Match`` takes weak tags for what they name; ``If-Match`` needs strong ones,
because who changes something must have read exactly that::

    If-None-Match: "a", W/"b"     names a and b     304 for GET and HEAD, 412 for changes
    If-Match: "a", W/"b"          names a alone     otherwise 412
"""

from __future__ import annotations

import re

import msgspec
from aiohttp import web

from psd.errors import BadQueryError
from psd.queries.boards.versions import ANY, Versions

_TAG = re.compile(r'[ \t,]*(W/)?"([\x21\x23-\x7e\x80-\U0010ffff]*)"[ \t]*(?=,|\Z)')

SHOWN_CHARACTERS = 64

READING = ("GET", "HEAD")
"""Methods that ask for what is there; HEAD for what is told of it alone."""


class Tags(msgspec.Struct, frozen=True):
    """What a header names; ``is_any`` is ``*``, whatever there is."""

    is_any: bool
    strong: frozenset[str]
    weak: frozenset[str]

    def names(self, tag: str) -> bool:
        """Whether a tag is among them, weak or not."""
        return self.is_any or tag in self.strong or tag in self.weak


def asked_tags(request: web.Request, header: str) -> Tags | None:
    """The tags of a header, None where it is not given; raises BadQueryError for no such list."""
    lines = request.headers.getall(header, ())
    if not lines:
        return None
    text = ",".join(lines).strip()
    if text == "*":
        return Tags(True, frozenset(), frozenset())
    found, end = [], 0
    while match := _TAG.match(text, end):
        found.append(match)
        end = match.end()
    if not found or text[end:].strip(" \t,"):
        shown = text[:SHOWN_CHARACTERS]
        raise BadQueryError(f"{header}: {shown!r} is neither * nor a list of tags in quotes")
    return Tags(
        False,
        frozenset(match[2] for match in found if match[1] is None),
        frozenset(match[2] for match in found if match[1] is not None),
    )


def has_already(request: web.Request, tag: str) -> bool:
    """Whether whoever asks has what this tag stands for; a header that is no list has nothing."""
    try:
        tags = asked_tags(request, "If-None-Match")
    except BadQueryError:
        return False
    return tags is not None and tags.names(tag)


def asked_versions(request: web.Request) -> Versions:
    """The versions that a change is for: what If-Match names, and If-None-Match does not.

    What stands behind a point in a tag is no part of the version, though it is of what is shown:
    whoever changes a board's definition has nothing to do with who came in the meantime.
    """
    only, but = asked_tags(request, "If-Match"), asked_tags(request, "If-None-Match")
    return Versions(
        None if only is None else _versions(only, only.strong),
        None if but is None else _versions(but, but.strong | but.weak),
    )


def _versions(tags: Tags, named: frozenset[str]) -> frozenset[str]:
    return frozenset({ANY}) if tags.is_any else frozenset(tag.partition(".")[0] for tag in named)
