"""The pictures of the console's help: on which page each is taken, what it shows, and whether the page still looks so.

A picture belongs to a shape: the elements and words of what it shows, and their colours, without the data. Both are kept
(`static/help/`, `tests/fixtures/help_pictures.txt`); a page that changed has another shape, and the test says which
picture to take anew.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from PIL import Image
from playwright.async_api import Page

from server.domain.roles import Role
from tests.kit.repository import ROOT

FOLDER = ROOT / "static/help"
SHAPES = ROOT / "tests/fixtures/help_pictures.txt"
WIDTH, HEIGHT = 1120, 900
TALLEST = 560  # CSS pixels of a picture: the upper part of a long list is enough
MOST = 1_000_000  # bytes of all of them together

_DATA = re.compile(
    r"(?<![A-Za-z0-9])(?!h\d\b)[A-Za-z0-9]*\d[A-Za-z0-9]*"
)  # numbers, also of orders and digests

SHAPE = """part => {
  const lines = [], colours = new Set(), data = 'td, dd, .data, .lead, figcaption, svg, canvas, .due-name, .greeting, option, code';
  const walk = (one, depth) => {
    if (!one.checkVisibility({visibilityProperty: true})) return;
    const style = getComputedStyle(one), isData = one.matches(data);
    const words = isData ? '' : [...one.childNodes].filter(e => e.nodeType === 3).map(e => e.data.trim()).join(' ').trim();
    if (!isData && !one.matches('.badge')) colours.add(style.color).add(style.backgroundColor);
    lines.push(one.localName + (words ? ':' + words : ''));
    if (isData || one.localName === 'tbody') return;
    for (const each of one.children) walk(each, depth + 1);
  };
  walk(part, 0);
  return lines.join(' | ') + ' # ' + [...colours].sort().join(' ');
}"""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture.

    Attributes:
        path: of the page, below /console/.
        part: a selector of what is shown.
        before: what is done on the page first, for example a dialog opened.
    """

    name: str
    role: Role
    path: str
    part: str
    before: Callable[[Page], Awaitable[object]] | None = None


async def taken(page: Page, of: Picture) -> tuple[bytes, str]:
    """The picture as it would be taken now, and its shape."""
    if of.before is not None:
        await of.before(page)
    part = page.locator(of.part).first
    await part.scroll_into_view_if_needed()
    shape = str(await part.evaluate(SHAPE))
    png = await part.screenshot(animations="disabled", style=".toast, .skip { visibility: hidden }")
    with Image.open(io.BytesIO(png)) as picture:
        flat = picture.convert("RGB").crop((0, 0, picture.width, min(picture.height, TALLEST)))
    into = io.BytesIO()
    flat.save(into, "webp", quality=72, method=6)
    words, _, colours = shape.partition(" # ")
    return into.getvalue(), f"{' '.join(_DATA.sub('0', words).split())} # {colours}"


def mark(picture: bytes) -> str:
    return hashlib.sha256(picture).hexdigest()[:16]


def kept() -> dict[str, tuple[str, str]]:
    """(mark of the picture, its shape) by name."""
    rows = (line.split("\t") for line in SHAPES.read_text("utf-8").splitlines() if line[:1] not in ("", "#"))
    return {name: (picture, shape) for name, picture, shape in rows}


def keep(found: dict[str, tuple[bytes, str]]) -> None:
    """Only the pictures whose page has changed are written anew: the others stay as they are, byte for byte."""
    before = kept() if SHAPES.exists() else {}
    lines = ["# Written by `make pictures`: name, mark of the picture, shape of what it shows."]
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.webp"):
        if old.stem not in found:
            old.unlink()
    for name, (picture, shape) in sorted(found.items()):
        file = FOLDER / f"{name}.webp"
        if before.get(name, ("", ""))[1] != shape or not file.exists():
            file.write_bytes(picture)
        lines.append(f"{name}\t{mark(file.read_bytes())}\t{shape}")
    SHAPES.write_text("\n".join(lines) + "\n", "utf-8")
