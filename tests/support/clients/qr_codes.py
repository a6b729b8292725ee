"""Reads a QR code as a phone does: with another library than the one that draws it.

>>> text_of(page.text)
'http://127.0.0.1:1155/charging/plugs/p1/'
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import zxingcpp

SVG = "{http://www.w3.org/2000/svg}"
PIXELS = 4
"""A side of a square, in a picture."""


def text_of(svg: str) -> str:
    """What a drawing says that is made of black lines of one square's height."""
    drawing = ElementTree.fromstring(svg.encode())
    _, _, width, height = map(int, drawing.attrib["viewBox"].split())
    picture = np.full((height, width), 255, np.uint8)
    for path in drawing.iter(f"{SVG}path"):
        if path.get("stroke") == "#000":
            _draw(picture, path.attrib["d"])
    scaled = np.kron(picture, np.ones((PIXELS, PIXELS), np.uint8))
    [found] = zxingcpp.read_barcodes(scaled)
    return found.text


def _draw(picture: np.ndarray, lines: str) -> None:
    x, y = 0, 0.0
    for step, across, _, down in re.findall(r"([Mmh])(-?\d+)( (-?[\d.]+))?", lines):
        if step == "h":
            picture[int(y), x : x + int(across)] = 0
        if step == "M":
            x, y = 0, 0.0
        x, y = x + int(across), y + float(down or 0)
