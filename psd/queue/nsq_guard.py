"""How a connection to nsqd is guarded: TLS, and the secret that an nsqd with AUTH asks for.

::

    IDENTIFY {"tls_v1": true, ...}      in the clear: {"tls_v1": true, "auth_required": true}
    (TLS)                               nsqd's certificate is of nsqd_ca, and of its host
    AUTH secret                         {"identity": "...", "permission_count": 1}
    SUB psd psd, MPUB psd ...           as far as the secret's permissions go

nsq-py would wrap its own socket, in a TLS that Python no longer has, and checks no certificate;
here it is the event loop's. An nsqd that answers without TLS where it is wanted is not spoken to.
"""

from __future__ import annotations

import ssl

import msgspec

from psd.config import QueueSettings
from psd.errors import ConfigError


class NsqGuard(msgspec.Struct, frozen=True):
    """What connections to nsqd need; ``tls`` is None, and ``secret`` empty, where it is nothing."""

    tls: ssl.SSLContext | None = None
    secret: str = ""


def guard_of(settings: QueueSettings) -> NsqGuard:
    """What the settings say; raises ConfigError for files that are none of what they should be."""
    context = tls_context(settings) if settings.nsqd_tls else None
    return NsqGuard(context, settings.nsqd_auth_secret)


def tls_context(settings: QueueSettings) -> ssl.SSLContext:
    """That of a client that trusts ``nsqd_ca``, or whom the machine trusts; also for HTTPS."""
    try:
        context = ssl.create_default_context(cafile=settings.nsqd_ca or None)
    except (OSError, ValueError) as exc:
        raise ConfigError(f"queue.nsqd_ca = {settings.nsqd_ca!r}: {exc}") from exc
    if settings.nsqd_certificate:
        try:
            context.load_cert_chain(settings.nsqd_certificate, settings.nsqd_key or None)
        except (OSError, ValueError) as exc:
            raise ConfigError(
                f"queue.nsqd_certificate = {settings.nsqd_certificate!r}: with queue.nsqd_key it "
                f"cannot be read: {exc}"
            ) from exc
    return context


def https_of(settings: QueueSettings) -> ssl.SSLContext | None:
    """That of ``https://`` addresses; None where whom the machine trusts is enough."""
    own = settings.nsqd_ca or settings.nsqd_certificate
    return tls_context(settings) if own else None
