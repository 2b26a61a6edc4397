"""axe-core on a page: nothing may be found."""

from __future__ import annotations

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

SAME_NAME = """[...document.querySelectorAll('tr button, tr a, li button')].filter(e => e.checkVisibility())
    .map(e => e.ariaLabel || e.textContent.trim()).filter((name, at, all) => name && all.indexOf(name) !== at)"""


NOT_IN_NAME = """[...document.querySelectorAll('button[aria-label], a[aria-label]')]
    .filter(e => e.textContent.trim() && !e.ariaLabel.startsWith(e.textContent.trim())).map(e => e.outerHTML)"""


async def violations(page: Page) -> list[str]:
    """What axe finds, one line each: the rule, how grave, and where first."""
    rules = (await Axe().run(page)).response["violations"]
    return [f"{one['id']} ({one['impact']}): {one['nodes'][0]['html'][:160]}" for one in rules]


async def clean(page: Page, name: str) -> None:
    assert await violations(page) == [], name
    assert await page.evaluate(SAME_NAME) == [], f"{name}: buttons of one name"
    assert await page.evaluate(NOT_IN_NAME) == [], (
        f"{name}: the visible words are not what the name begins with"
    )
