"""axe-core on a page: nothing may be found."""

from __future__ import annotations

import re

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

SAME_NAME = """[...document.querySelectorAll('tr button, tr a, li button')].filter(e => e.checkVisibility())
    .map(e => e.ariaLabel || e.textContent.trim()).filter((name, at, all) => name && all.indexOf(name) !== at)"""


NOT_IN_NAME = """[...document.querySelectorAll('button[aria-label], a[aria-label]')]
    .filter(e => e.textContent.trim() && !e.ariaLabel.startsWith(e.textContent.trim())).map(e => e.outerHTML)"""


_TEXT = re.compile(r">[^<>]*[^<>\s][^<>]*<")
_OWN = re.compile(r'\b(nonce|href|value)="[^"]+"')
_NUMBERS = re.compile(r"[0-9]+")
_CHINESE = re.compile(r"[\u3400-\u9fff·]+")
_AGAIN = re.compile(r"(<(tr|li)\b(?:(?!</\2>).)*</\2>)(?:\s*\1)+", re.DOTALL)


def shape(markup: str) -> str:
    """What of a page's own part axe judges: its elements and their attributes, whatever they say and however often.

    That a text is there stays; rows of one form are one. What two pages of one shape say, the same template says.
    """
    own = markup[markup.index("<main") :]
    for pattern, mark in ((_TEXT, ">字<"), (_OWN, r'\1="-"'), (_NUMBERS, "0"), (_CHINESE, "字")):
        own = pattern.sub(mark, own)
    return _AGAIN.sub(r"\1", own)


async def violations(page: Page, within: str | None = None) -> list[str]:
    """What axe finds, one line each: the rule, how grave, and where first.

    Args:
        within: a selector: look at that alone.
    """
    rules = (await Axe().run(page, context=within)).response["violations"]
    return [f"{one['id']} ({one['impact']}): {one['nodes'][0]['html'][:160]}" for one in rules]


async def clean(page: Page, name: str, within: str | None = None) -> None:
    assert await violations(page, within) == [], name
    assert await page.evaluate(SAME_NAME) == [], f"{name}: buttons of one name"
    assert await page.evaluate(NOT_IN_NAME) == [], (
        f"{name}: the visible words are not what the name begins with"
    )
