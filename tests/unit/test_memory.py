"""What is there when a process begins to serve is searched for garbage once."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from psd.memory import keep_what_is_there


class Node:
    """Part of a cycle."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """All is searched, and afterwards what tests/conftest.py leaves."""
    gc.unfreeze()
    yield
    gc.unfreeze()
    gc.freeze()


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
