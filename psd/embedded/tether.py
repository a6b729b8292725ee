"""Start a server that ends when the process that started it ends, however that happens.

Run as ``python tether.py HOW PARENT_PID SERVER ARGUMENT...``; it becomes the server (exec),
so that the caller's child is the server itself. It needs the standard library alone, and so
starts in 15 ms. HOW is one of

- ``signal``: Linux sends SIGTERM to the server when the parent dies, even by SIGKILL;
- ``pipe``: elsewhere, a second process waits for the end of standard input, whose other
  end the parent alone holds, and then sends the SIGTERM.

SIGTERM is what Redis wants: it finishes its append-only file and leaves.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tie_by_signal(parent_pid: int) -> None:
    """Ask Linux for a SIGTERM at the parent's death; exec keeps the request."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent_pid:
        sys.exit("the parent died before the server started")


def tie_by_pipe() -> None:
    """Leave a process behind that ends the server when standard input ends."""
    server_pid = os.getpid()
    if os.fork() != 0:
        return
    # The lock of the data folder is for the server alone to hold.
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    while os.read(0, 1):
        pass
    if os.getppid() == server_pid:
        os.kill(server_pid, signal.SIGTERM)
    os._exit(0)


def main() -> None:
    """Tie this process to its parent, then become the server."""
    how, parent_pid, *command = sys.argv[1:]
    if how == "signal":
        tie_by_signal(int(parent_pid))
    else:
        tie_by_pipe()
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
