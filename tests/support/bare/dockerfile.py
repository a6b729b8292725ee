"""Reads a Dockerfile, and does its steps on bare machines, one for each stage.

It knows the instructions that deploy/Dockerfile has, and fails for any other one; what a base
image brings (``debian:bookworm-slim``) is what the tree has. A shell's variables are the stage's.

>>> stages = read(text)
>>> [stage.name for stage in stages]
['build', '']
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from tests.support.bare.machines import Machine

TOLD = ("VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD")
"""What says something about the image, and does nothing while it is built."""


class Stage(msgspec.Struct):
    """One stage: instructions with what follows them, in their order."""

    base: str
    name: str
    steps: list[tuple[str, str]] = []

    def told(self, word: str) -> str:
        """What the last instruction of a kind says."""
        return [rest for each, rest in self.steps if each == word][-1]

    def command(self, word: str) -> list[Any]:
        """The same of one that is a list of words."""
        found = re.search(r"\[.*\]", self.told(word))
        assert found, word
        return list(json.loads(found[0]))


def read(text: str) -> list[Stage]:
    """The stages of a Dockerfile."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    stages: list[Stage] = []
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(base, name))
        elif word:
            stages[-1].steps.append((word, rest.strip()))
    return stages


class Built:
    """A stage that is built on a machine; ``user`` and ``environment`` are those of its end."""

    def __init__(self, machine: Machine, context: Path, stages: dict[str, Built]) -> None:
        self.machine = machine
        self.environment: dict[str, str] = {}
        self.user = "0:0"
        self.folder = "/"
        self._context = context
        self._stages = stages
        self._steps: dict[str, Callable[[str], None]] = {
            "ARG": self._set,
            "COPY": self._copy,
            "ENV": self._set,
            "RUN": self.run,
            "USER": self._become,
            "WORKDIR": self._enter,
        }

    def build(self, stage: Stage) -> Built:
        """Do all steps."""
        for word, rest in stage.steps:
            if word not in TOLD:
                self._steps[word](rest)
        return self

    def run(self, script: str) -> None:
        """One step of a shell, as the user of now."""
        self.machine.run(script, self.folder, self.user, **self.environment)

    def _set(self, rest: str) -> None:
        self.environment |= dict(word.split("=", 1) for word in rest.split())

    def _become(self, rest: str) -> None:
        self.user = rest

    def _enter(self, rest: str) -> None:
        self.folder = rest

    def _copy(self, rest: str) -> None:
        *options, source, target = rest.split()
        place = target.strip("/")
        if options:
            [of] = options
            root = self._stages[of.removeprefix("--from=")].machine.root
            whole = self.machine.root / place
            shutil.copytree(root / source.strip("/"), whole, symlinks=True)
        else:
            assert source == "."
            for name in kept(self._context):
                self.machine.put(self._context / name, f"{place}/{name}")


def kept(context: Path) -> list[str]:
    """What of the context is not ignored, by deploy/Dockerfile.dockerignore."""
    text = (context / "deploy" / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*", "everything is left out, but for what is named"
    return [line[1:] for line in lines if line.startswith("!")]
