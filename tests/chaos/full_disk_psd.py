"""``psd`` on a disk that is full while the file FULL lies where psd was started.

``python -m tests.chaos.full_disk_psd worker`` is ``psd worker`` but for what the operating system
does with a write to the archive then: half of it arrives, the next call fails with ENOSPC.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from unittest import mock

from psd.archive import files
from psd.cli.main import main

FULL = "disk-is-full"

write_all = files.write_all


def write_while_there_is_room(descriptor: int, data: bytes, offset: int) -> int:
    """What ``files.write_all`` does, on such a disk."""
    if not Path(FULL).exists():
        return write_all(descriptor, data, offset)
    os.pwrite(descriptor, data[: len(data) // 2], offset)
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


if __name__ == "__main__":
    with mock.patch.object(files, "write_all", write_while_there_is_room):
        main()
