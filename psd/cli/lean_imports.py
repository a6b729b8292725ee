"""Modules of commands, imported without OpenTelemetry, and without a search for garbage.

redis-py can tell an OpenTelemetry of what it does, and imports its SDK for that wherever it is
installed: 60 modules, a fifth of what ``psd query`` does in all. psd tells of its own calls
(psd/store/call_spans.py), never asks the library to, and imports it itself once there is a
collector (psd/observe/otlp.py). So while a command is imported, it is not there. What modules
define stays, and to look through it again and again for garbage takes a fifteenth of a start::

    with lean():
        import_module("psd.runtime")
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_LIBRARY = "opentelemetry"


@contextmanager
def lean() -> Iterator[None]:
    """What is imported within does without it, unless somebody has it already."""
    modules: dict[str, Any] = sys.modules
    if _LIBRARY in modules:
        yield
        return
    modules[_LIBRARY] = None
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        modules.pop(_LIBRARY, None)
        if collects:
            gc.enable()
