"""What is there when a process begins to serve is searched for garbage once.

So is in this process what tests/conftest.py leaves to search: what it freezes stays frozen.
"""

from __future__ import annotations

import gc
import weakref

from psd.memory import keep_what_is_there


class Node:
    """Part of a cycle."""

    def __init__(self) -> None:
        self.itself = self


def test_what_is_there_is_not_searched_again_and_what_comes_is() -> None:
    kept = Node()
    keep_what_is_there()
    came = Node()
    searched = {id(each) for each in gc.get_objects()}
    assert id(kept) not in searched
    assert id(came) in searched


def test_garbage_of_the_start_is_gone() -> None:
    garbage = weakref.ref(Node())
    keep_what_is_there()
    assert garbage() is None
