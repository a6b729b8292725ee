"""The option that turns on a face: ``--face NAME`` or ``--face NAME=PORT``."""

from __future__ import annotations

import click

from psd.names import nearest
from server.faces import faces, port_setting

PORT_MAX = 65_535


class FaceType(click.ParamType[tuple[str, int]]):
    """Turns a face into the setting of its port: ``old=8021`` -> ``("meters.port", 8021)``."""

    name = "face"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """The setting and its value; fails for what no domain has, and for what is no port."""
        if isinstance(value, tuple):
            return value
        name, equals, port = str(value).partition("=")
        known = faces()
        domain = known.get(name)
        if domain is None or domain.face is None:
            self.fail(_unknown(name, tuple(known)), param, ctx)
        if not equals:
            return port_setting(domain), domain.face.port
        if not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= PORT_MAX):
            self.fail(f"{name}={port}: a port is a number from 1 to {PORT_MAX}", param, ctx)
        return port_setting(domain), int(port)


def _unknown(name: str, known: tuple[str, ...]) -> str:
    if not known:
        return f"{name}: no domain has a face"
    listed = ", ".join(known)
    return f"{name}: there is no such face, only {listed}; did you mean {nearest(name, known)}?"


FACE = FaceType()
