"""Coverage-guided fuzzing of what decodes strangers' bytes: queue messages and write requests.

Run by test_fuzz_events.py as a program of its own, because libFuzzer ends its process::

    python tests/fuzz/fuzz_events.py -runs=500000 -seed=1 -max_len=8192 CORPUS_FOLDER

The first byte chooses the decoder, the rest is what a sender sends. Whatever comes, the answer
is a list of events or an error of psd's own that says what is wrong in few words. Anything else
ends the run with a traceback and the input that did it.
"""

from __future__ import annotations

import sys

import atheris
import msgspec

DECODERS = [
    "psd.engine.event_rules",
    "psd.engine.event_fields",
    "psd.engine.decoding",
    "psd.rewards.vehicle_events",
]

with atheris.instrument_imports(include=[*DECODERS, "psd.rewards.vehicle_messages"]):
    from psd.config import Settings
    from psd.domain.rules import kinds_of
    from psd.engine.event_fields import decode_metric
    from psd.engine.event_rules import rules_of
    from psd.engine.events import TIME_END_S, VALUE_MAX, Change, second_of
    from psd.errors import INPUT_ERRORS, InputError
    from psd.rewards.tables import load_tables
    from psd.rewards.vehicle_events import VehicleRules

THINGS = {name: thing.id for name, thing in Settings().things.items()}
# As psd.runtime.every_rule does, which imports all of psd: its memory would count as the fuzzer's.
KINDS = kinds_of(VehicleRules(load_tables(), THINGS).commands())
RULES = msgspec.structs.replace(rules_of(Settings()), kinds=KINDS)
NOW_S = 1_760_000_000
MESSAGE_CHARACTERS_MAX = 2000


def one_input(data: bytes) -> None:
    """Decode one input as a queue message, or as the body of a write request."""
    try:
        if data[:1] < b"\xc0":
            events = RULES.events(data[1:], NOW_S, "id")
        else:
            events = [RULES.report(decode_metric(data[1:]), NOW_S)]
    except InputError as error:
        if error.code not in INPUT_ERRORS or not 0 < len(str(error)) <= MESSAGE_CHARACTERS_MAX:
            raise RuntimeError(f"{error.code}: {len(str(error))} characters") from error
        return
    for event in events:
        value = 0 if isinstance(event, Change) else event.value
        if not (0 < second_of(event) < TIME_END_S and abs(value) <= VALUE_MAX):
            raise RuntimeError(f"{event} passed the rules")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
