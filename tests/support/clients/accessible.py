"""What axe-core (4.14.1, MPL-2.0, in axe/) finds serious on a page, as it stands in the browser.

>>> await accessible(page)       fails with what is wrong, and where
"""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Page

AXE = Path(__file__).parent / "axe" / "axe.min.js"
VERSION = "4.14.1"
SERIOUS = ("serious", "critical")

RUN = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.map(
    (each) => [each.impact, each.id, each.nodes.map((node) => node.html).join(" | ").slice(0, 300)]
  );
}"""


async def accessible(page: Page) -> None:
    """Whether nothing serious keeps anybody from a page."""
    await page.evaluate(AXE.read_text())
    found = await page.evaluate(RUN)
    wrong = [each for each in found if each[0] in SERIOUS]
    assert not wrong, wrong
