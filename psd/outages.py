"""Why a server did not answer, in words of people. Pure.

What libraries say of it is made for their authors: ``Cannot connect to host 127.0.0.1:1155
ssl:default [Connect call failed ('127.0.0.1', 1155)]``, or ``Error 111 connecting to``. Here the
error that the operating system gave decides::

    >>> outage(ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 1155)"))
    'nothing listens there (connection refused)'
    >>> outage(TimeoutError(), within_s=1.5)
    'no answer within 1.5 s'
"""

from __future__ import annotations

import errno
import os
import socket
import ssl

_IN_WORDS = {
    errno.ECONNREFUSED: "nothing listens there (connection refused)",
    errno.ECONNRESET: "it hung up (connection reset)",
    errno.EPIPE: "it hung up (broken pipe)",
    errno.EHOSTUNREACH: "no way leads there (host unreachable)",
    errno.ENETUNREACH: "no way leads there (network unreachable)",
    errno.ENOENT: "there is no such socket",
    errno.EACCES: "this user may not connect to it (permission denied)",
}


def outage(error: BaseException, within_s: float | None = None) -> str:
    """The sentence for an error of a connection, or for the one that it was raised from.

    ``within_s`` is how long was waited, where that is known.
    """
    for each in _chain(error):
        told = _told(each, within_s)
        if told:
            return told
    return str(error) or type(error).__name__


def _chain(error: BaseException) -> list[BaseException]:
    """The error and those behind it, the innermost first; aiohttp keeps its own aside."""
    chain: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in chain:
        chain.insert(0, found)
        kept = getattr(found, "os_error", None) or getattr(found, "certificate_error", None)
        found = kept or found.__cause__ or found.__context__
    return chain


def _told(error: BaseException, within_s: float | None) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"it speaks no TLS that can be used ({getattr(error, 'reason', None) or error})"
    if isinstance(error, socket.gaierror):
        return f"no address of this name is known ({error.strerror})"
    if isinstance(error, TimeoutError):
        return "no answer in time" if within_s is None else f"no answer within {within_s:g} s"
    if isinstance(error, OSError) and error.errno is not None:
        return _IN_WORDS.get(error.errno) or os.strerror(error.errno)
    return None
