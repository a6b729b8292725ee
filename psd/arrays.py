"""numpy, imported when the first board or series is read with it: nobody else pays for it.

``psd --help``, a client and a worker that only books do without: it takes 60 ms and 16 MB. ::

    from psd import arrays

    arrays.numpy.frombuffer(packed, ">i8")

Who answers others imports it before the first of them asks (server/app.py). psd multiplies no
matrices, so numpy's OpenBLAS may have one thread: else it begins one for each core when it is
imported, each with a buffer of its own.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as numpy  # noqa: PLC0414  (that it is there for others)
    from numpy.typing import ArrayLike, NDArray

    Int64s = NDArray[numpy.int64]
    Rows = NDArray[Any]
    Mask = NDArray[numpy.bool_]
    Numbers = ArrayLike
    Shape = numpy.dtype[numpy.void]


def __getattr__(name: str) -> Any:
    """Called for what is not there yet, so once for ``numpy``."""
    if name != "numpy":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    load()
    return globals()[name]


def load() -> None:
    """Import numpy now rather than while somebody waits."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    globals()["numpy"] = import_module("numpy")
