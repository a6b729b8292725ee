"""Settings of the queue, checked before nsqd can misread them.

A space or a line break in a name would be read as the next word or the next command:
``PUB not a topic`` publishes on ``not``.
"""

from __future__ import annotations

from psd.addresses import cut_address
from psd.config import QueueSettings
from psd.errors import ConfigError
from psd.names import TOPIC, TOPIC_RULE


def check_name(what: str, name: str) -> None:
    """Raise ConfigError unless nsqd accepts the name; ``what`` says whose name it is."""
    if not TOPIC.fullmatch(name):
        raise ConfigError(f"{what} {name!r}: {TOPIC_RULE}")


def check_settings(settings: QueueSettings) -> None:
    """Raise ConfigError for what no nsqd would serve."""
    for address in settings.nsqd_addresses:
        cut_address(address, "queue.nsqd_addresses")
    check_name("queue.topic", settings.topic)
    check_name("queue.channel", settings.channel)
    for name in ("max_in_flight", "msg_timeout_s"):
        if getattr(settings, name) < 1:
            raise ConfigError(f"queue.{name} = {getattr(settings, name)}: must be at least 1")
