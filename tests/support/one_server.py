"""Integration tests that do not run on a cluster, and why: a file, or one test of it.

Tests that start servers of their own (the lanes' and the stream's own tests, unfit servers, the
Redis user, ``psd up``) are not in question: they are not given the shared server.
"""

from __future__ import annotations

WITHOUT_STORE = (
    "http_limits",
    "test_access_commands.py",
    "test_access_keys.py",
    "test_access_matrix.py",
    "test_openapi.py",
)
"""What is about HTTP alone: it asks the same of any store, and is left out on a cluster."""

_COUNTS = "it counts the commands that one server was sent"
_READYZ = "docs/http.md shows what /readyz says of one server"

ONE_SERVER_ONLY: dict[str, str] = {
    "test_http_docs.py::test_each_example_answers_as_shown": _READYZ,
    "test_increments.py::test_the_marker_is_written_by_the_call_that_books": _COUNTS,
    "test_population.py::test_a_new_process_knows_everybody_and_indexes_again_whom_it_books": (
        _COUNTS
    ),
    "test_stream_queue.py": "its queue is given the client of one server; cluster/ moves a stream",
}
