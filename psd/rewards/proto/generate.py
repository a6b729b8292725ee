"""Generates the Python modules of the .proto files beside this one.

Run it after a change and commit what it writes; ``tests/house/test_protos.py`` generates anew and
compares, with the grpcio-tools of the ``dev`` extra::

    python -m psd.rewards.proto.generate      -> psd/rewards/proto/rewards_pb2.py and eight others

The include root is the root of the checkout: protoc derives Python imports from the path of a
file, so that ``rewards_pb2_grpc`` imports ``psd.rewards.proto.rewards_pb2``.
"""

from __future__ import annotations

import importlib.resources
import sys
from pathlib import Path

from grpc_tools import protoc

FOLDER = Path(__file__).resolve().parent

ROOT = FOLDER.parents[2]


def generate(target: Path) -> int:
    """Write ``psd/rewards/proto/*`` under ``target``; protoc's exit code."""
    well_known = importlib.resources.files("grpc_tools") / "_proto"
    sources = [path.relative_to(ROOT).as_posix() for path in sorted(FOLDER.glob("*.proto"))]
    code: int = protoc.main(
        [
            "protoc",
            f"-I{ROOT}",
            f"-I{well_known}",
            f"--python_out={target}",
            f"--pyi_out={target}",
            f"--grpc_python_out={target}",
            *sources,
        ]
    )
    return code


if __name__ == "__main__":
    sys.exit(generate(ROOT))
