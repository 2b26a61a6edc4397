"""What the first page of the console tells somebody."""

from __future__ import annotations

import re

from tests.kit.console_desk import Browser


async def told(who: Browser) -> dict[str, int]:
    """What waits: the label of each line, and how much."""
    answer = await who.page("/console/")
    assert answer.status == 200
    page = answer.text
    found = re.findall(r'<span class="due-number">(\d+)</span>\s*<span class="due-name">([^<]+)<', page)
    return {label.strip(): int(number) for number, label in found}
