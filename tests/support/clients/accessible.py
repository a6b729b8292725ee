"""What keeps anybody from a page, as it stands in the browser.

It is what axe-core (4.14.1, MPL-2.0, in axe/) finds serious, what has to be moved sideways to be
read, and what jumps::

    await accessible(page)            fails with what is wrong, and where
    await is_for_everybody(page)      in light and in dark, and on the width of the page
    await stands_still(page)          as nothing has jumped since it was loaded
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from playwright.async_api import Page

AXE = Path(__file__).parent / "axe" / "axe.min.js"
VERSION = "4.14.1"
SERIOUS = ("serious", "critical")
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

SHIFT_MAX = 0.1
"""What the Web Vitals call good, of all shifts of a page that nobody has asked for."""

RUN = """async (rules) => {
  const asked = { resultTypes: ["violations"], ...(rules ? { runOnly: rules } : {}) };
  const found = await axe.run(document, asked);
  return found.violations.map(
    (each) => [each.impact, each.id, each.nodes.map((node) => node.html).join(" | ").slice(0, 300)]
  );
}"""

MAY_BE_WIDE = ".scroll, pre, .bracket, svg"

OUTSIDE = """(wide) => [...document.querySelectorAll("body *")]
  .filter((each) => {
    const box = each.getBoundingClientRect();
    return box.width > 1 && box.right > innerWidth + 1 && !each.closest(wide);
  })
  .map((each) => each.outerHTML.slice(0, 120))"""

SHIFTS = """() => new Promise((resolve) => {
  let sum = 0;
  new PerformanceObserver((list) => {
    for (const each of list.getEntries()) if (!each.hadRecentInput) sum += each.value;
  }).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve(sum), 50);
})"""


async def accessible(page: Page) -> None:
    """Whether nothing serious keeps anybody from a page."""
    await page.evaluate(AXE.read_text())
    await _finds_nothing(page, None)


async def is_for_everybody(page: Page) -> None:
    """Whether a page keeps nobody out, in light and in dark, and needs no moving sideways."""
    await page.evaluate(AXE.read_text())
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme)
        # What depends on the scheme are colours.
        await _finds_nothing(page, None if scheme == SCHEMES[0] else ["color-contrast"])
    outside = await page.evaluate(OUTSIDE, MAY_BE_WIDE)
    assert not outside, (page.url, outside)


async def stands_still(page: Page) -> None:
    """Whether nothing has jumped on a page since it was loaded."""
    shifted = await page.evaluate(SHIFTS)
    assert shifted < SHIFT_MAX, (page.url, shifted)


async def _finds_nothing(page: Page, rules: list[str] | None) -> None:
    found = await page.evaluate(RUN, rules)
    wrong = [each for each in found if each[0] in SERIOUS]
    assert not wrong, (page.url, wrong)
