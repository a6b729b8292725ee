"""What sites and psd tell each other over the queue: protobuf, gzipped, on topics of their own.

::

    telemetry, command_results, new_devices      from sites
    commands_<site>, ack_new_devices_<site>      to a site; an acknowledgement is the byte 01

Bodies are those of the system that psd stands for (psd/charging/proto/contracts.proto): a message
made by its programs is read, and they read what is made here. The library is the extra ``charging``
and imported when the first message is read or made.
"""

from __future__ import annotations

import gzip
import importlib
import zlib
from functools import cache
from typing import Any

from psd.errors import ConfigError, MalformedError, TooLargeError

TELEMETRY, COMMAND_RESULTS, NEW_DEVICES = "telemetry", "command_results", "new_devices"
TOPICS = (TELEMETRY, COMMAND_RESULTS, NEW_DEVICES)
ACKNOWLEDGED = b"\x01"

ON, OFF = 1, 2
"""Of RequestedState."""

UNPACKED_BYTES_MAX = 1 << 20
"""Some 10,000 readings; more in one message is no chunk of a site."""

LEVEL = 6


def commands_topic(site: str) -> str:
    """Where a site hears commands."""
    return f"commands_{site}"


def acknowledgements_topic(site: str) -> str:
    """Where a site hears that its announcement came."""
    return f"ack_new_devices_{site}"


@cache
def contracts() -> Any:
    """The messages; raises ConfigError where the library is missing."""
    try:
        return importlib.import_module("psd.charging.proto.contracts_pb2")
    except ImportError as exc:
        raise ConfigError(
            f"charging: its messages need protobuf ({exc}); pip install 'pointspace[charging]'"
        ) from exc


def packed(message: Any) -> bytes:
    """A message as it goes to the queue; the same message gives the same bytes."""
    return gzip.compress(message.SerializeToString(deterministic=True), LEVEL, mtime=0)


def unpacked(body: bytes, kind: Any) -> Any:
    """The message of a body; raises an InputError that says what it is not."""
    content = _unzipped(body)
    message = kind()
    # The library is imported with the first message, so its class of errors is asked for here.
    broken: type[Exception] = importlib.import_module("google.protobuf.message").DecodeError
    try:
        message.ParseFromString(content)
    except broken as exc:
        raise MalformedError(f"message: no {kind.DESCRIPTOR.full_name} ({exc})") from exc
    return message


def _unzipped(body: bytes) -> bytes:
    """What is in a gzip file, which may have several members; never more than is allowed."""
    found, rest = bytearray(), body
    try:
        while rest or not found:
            member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            found += member.decompress(rest, UNPACKED_BYTES_MAX + 1 - len(found))
            if len(found) > UNPACKED_BYTES_MAX:
                raise TooLargeError(f"message: more than {UNPACKED_BYTES_MAX} bytes when unpacked")
            if not member.eof:
                raise MalformedError("message: a gzip file that is cut off")
            if not member.unused_data:
                break
            rest = member.unused_data
    except zlib.error as exc:
        raise MalformedError(f"message: not gzip ({exc})") from exc
    return bytes(found)
