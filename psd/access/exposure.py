"""Whether psd may listen where it is told to, with the checks that it is given.

Loopback is this machine alone and may be open. Any other address needs tokens or JWKS, or the
operator's word that the network around it is closed (``--insecure``)::

    host 127.0.0.1, nothing set   -> open
    host 0.0.0.0, nothing set     -> ConfigError, exit code 78
    host 0.0.0.0, tokens set      -> every request is checked
    host 127.0.0.1, tokens set    -> every request is checked
"""

from __future__ import annotations

import ipaddress
import socket

from psd.config import AccessSettings, Settings
from psd.errors import ConfigError


def is_checked(access: AccessSettings) -> bool:
    """Whether requests must say who asks."""
    return bool(access.tokens or access.tokens_file or access.jwks)


def is_loopback_address(text: str) -> bool:
    """Whether a text is an address of this machine alone; a name is none."""
    try:
        return _is_loopback_address(text)
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address; a name counts by all that it resolves to."""
    try:
        return _is_loopback_address(host)
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(
            host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError):
        return False
    return all(_is_loopback_address(str(address[0])) for *_, address in found)


def _is_loopback_address(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def check_exposure(settings: Settings) -> str:
    """Refuse to serve an address without checks; the warning that is due, or an empty text."""
    access, host = settings.access, settings.server.host
    if access.insecure and is_checked(access):
        raise ConfigError(
            "access.insecure = true: tokens or a JWKS are configured too; remove one of both"
        )
    if is_checked(access) or is_loopback(host):
        return ""
    if access.insecure:
        return f"server.host = {host}: everyone who reaches it may read and write (access.insecure)"
    raise ConfigError(
        f"server.host = {host!r}: other machines reach it, and nobody is checked. Make a token "
        "with 'psd token new' and set access.tokens or access.tokens_file, or set access.jwks; "
        "or listen on 127.0.0.1; or give --insecure where the network lets nobody else in"
    )


def check_metrics_exposure(settings: Settings) -> None:
    """Refuse a worker's /metrics on an address of other machines: nobody is checked there."""
    host, access = settings.server.host, settings.access
    if settings.worker.metrics_port and not access.insecure and not is_loopback(host):
        raise ConfigError(
            f"worker.metrics_port on server.host = {host!r}: a worker's /metrics checks nobody; "
            "set server.host = 127.0.0.1 for the worker, or access.insecure = true for it"
        )
