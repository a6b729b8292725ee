"""Generates the Python module of contracts.proto, which stands beside this one.

Run it after a change and commit what it writes; ``tests/unit/test_charging_wire.py`` generates anew
and compares, with the grpcio-tools of the ``dev`` extra::

    python -m psd.charging.proto.generate     -> psd/charging/proto/contracts_pb2.py and its types
"""

from __future__ import annotations

import sys
from pathlib import Path

from grpc_tools import protoc

FOLDER = Path(__file__).resolve().parent

ROOT = FOLDER.parents[2]


def generate(target: Path) -> int:
    """Write ``psd/charging/proto/*`` under ``target``; protoc's exit code."""
    source = (FOLDER / "contracts.proto").relative_to(ROOT).as_posix()
    arguments = ["protoc", f"-I{ROOT}", f"--python_out={target}", f"--pyi_out={target}", source]
    code: int = protoc.main(arguments)
    return code


if __name__ == "__main__":
    sys.exit(generate(ROOT))
