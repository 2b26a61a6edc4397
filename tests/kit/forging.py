"""What a forger does to a certificate: one printed field edited, and the edit brought in by each way there is."""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from server.adapters.clock import SystemClock
from server.adapters.documents import pdf, qr, seal_picture
from server.adapters.documents.font import Fonts
from server.adapters.documents.pdf import PAGE_HEIGHT_MM, SEAL_X_MM, SEAL_Y_MM
from server.adapters.documents.seal import Seal
from server.adapters.documents.seal_field import Place
from server.adapters.documents.verify import read_pdf
from server.adapters.keys import KeyFolder
from server.domain.beijing import say_day
from server.domain.certificates import packing
from server.domain.certificates.claims import PURPOSE, Claims
from server.domain.levels import Level
from server.domain.ports import Keys, SealedPdf

# Characters that are taken for each other at a glance, and one character in two forms (radicals, compatibility).
LOOK_ALIKES = dict(
    zip(
        "欧阳慧敏社会心理服务职业技能等级证北京中文在线教育科技发展有限公司术学院大第一二三年月日初高0O1I26SPS·.",
        "瓯阴惠敎杜佥必埋报夯织亚枝熊筹圾征此亰申文仕钱敖盲料妓友屐冇跟厶可木字完太弟二三四牛用曰礽髙O0I1ZGЅРЅ•．",
        strict=True,
    )
)
SAME_SHAPES = str.maketrans("大文心月日一二高京学·", "⼤⽂⼼⽉⽇⼀⼆⾼⽊⼦・")
Made = Callable[[random.Random, str], str]
SCHOOLS = ("京华职业技术大学", "清华大学", "北京大学")


def _at(rng: random.Random, text: str, wanted: Callable[[str], bool]) -> int | None:
    places = [at for at, one in enumerate(text) if wanted(one)]
    return rng.choice(places) if places else None


def digit(rng: random.Random, text: str) -> str:
    at = _at(rng, text, str.isdigit)
    if at is None:
        return text
    return text[:at] + rng.choice([one for one in "0123456789" if one != text[at]]) + text[at + 1 :]


def swapped(rng: random.Random, text: str) -> str:
    places = [at for at in range(len(text) - 1) if text[at] != text[at + 1]]
    if not places:
        return text
    at = rng.choice(places)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def look_alike(rng: random.Random, text: str) -> str:
    at = _at(rng, text, LOOK_ALIKES.__contains__)
    return text if at is None else text[:at] + LOOK_ALIKES[text[at]] + text[at + 1 :]


def same_shape(_: random.Random, text: str) -> str:
    return text.translate(SAME_SHAPES)


def wide(_: random.Random, text: str) -> str:
    narrow = {code + 0xFEE0: code for code in range(0x21, 0x7F)}
    return text.translate(narrow | {plain: code for code, plain in narrow.items()})


def spaced(rng: random.Random, text: str) -> str:
    at = rng.randrange(1, max(2, len(text)))
    return f"{text[:at]}{rng.choice((' ', chr(0x3000)))}{text[at:]}"


def dropped(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text))
    return text[:at] + text[at + 1 :]


def doubled(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text))
    return text[: at + 1] + text[at:]


MADE = (digit, swapped, look_alike, same_shape, wide, spaced, dropped, doubled)


def _another_level(rng: random.Random, text: str) -> str:
    return rng.choice([one.label for one in Level if one.label != text])


def _another_english(rng: random.Random, text: str) -> str:
    return rng.choice([one.english for one in Level if one.english != text])


def _another_day(rng: random.Random, text: str) -> str:
    then = date(*map(int, re.findall(r"\d+", text)))
    return say_day(then + timedelta(days=rng.choice((-365, -1, 1, 30, 700))))


def _another_school(rng: random.Random, _: str) -> str:
    return rng.choice(SCHOOLS)


OTHER: dict[str, Made] = {
    "level": _another_level,
    "level_english": _another_english,
    "exam_date": _another_day,
    "issued_on": _another_day,
    "school": _another_school,
    "portal_number": lambda rng, _: f"X{rng.randrange(10**12)}",
}


def edited(rng: random.Random, key: str, value: Any) -> Any:
    """The field with one edit; never what it was."""
    if key == "issued":
        return value | {"day": value["day"] % 28 + 1}
    if key == "photo":
        return list(rng.randbytes(8)) if value is None else [*value[:-1], (value[-1] + 1) % 256]
    if key == "qr":
        return qr.for_paper(f"https://forged.example/v/{rng.randrange(10**30)}")
    while True:
        makes: tuple[Made, ...] = (*MADE, OTHER[key], OTHER[key]) if key in OTHER else MADE
        if key == "portal_number" and not value:
            makes = (OTHER[key],)
        made = rng.choice(makes)(rng, value)
        if made not in ("", value):
            return made


_CLAIM_OF = {
    "title": "certificate", "name": "name", "standard": "standard", "issuer": "issuer",
    "school": "school", "number": "number", "level": "level", "exam_date": "exam_date", "issued_on": "issued_on",
}  # fmt: skip
WAYS_OF_CODES = ("the old signature", "another's signature", "a key that is to come")


def forged_code(keys: Keys, code: str, said: Claims, key: str, text: str, way: str) -> str | None:
    """The code with this field edited; None where no code can say so.

    Args:
        keys: the forger's own.
        code: the genuine one, which says `said`.
    """
    if key not in _CLAIM_OF:
        return None
    try:
        value = _as_claim(key, text)
        packed = packing.pack(asdict(said) | {_CLAIM_OF[key]: value})
    except (ValueError, KeyError, OverflowError):
        return None
    old = _bytes(code)
    epoch = 7 if way == WAYS_OF_CODES[2] else old[1]
    body = bytes((old[0], epoch)) + packed
    signature = old[-64:] if way == WAYS_OF_CODES[0] else keys.sign(PURPOSE, body, epoch=1).signature
    return str(int.from_bytes(body + signature, "big"))


def _as_claim(key: str, text: str) -> str:
    if key in ("exam_date", "issued_on"):
        return _iso(text)
    level = Level.of_label(text)
    return text if key != "level" else level.value if level is not None else "none"


def _iso(text: str) -> str:
    match = re.fullmatch(r"(\d{4})年(\d{1,2})月(\d{1,2})日", text, re.ASCII)
    if match is None:
        raise ValueError("not a day")
    return date(*map(int, match.groups())).isoformat()


def _bytes(code: str) -> bytes:
    value = int(code)
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


class Forger:
    """Our own template and renderer, and a seal of somebody else's."""

    def __init__(self, keys: KeyFolder) -> None:
        self.keys = keys
        self._fonts = Fonts(None)
        self._compiler = pdf.compiler(pdf.TEMPLATE, self._fonts)
        self._seal = Seal(keys.seal_credentials)

    def draw(self, data: dict[str, Any]) -> bytes:
        page = json.dumps(data | {"fonts": self._fonts.families}, ensure_ascii=False)
        blank = '<svg xmlns="http://www.w3.org/2000/svg" width="297" height="210"></svg>'
        return bytes(self._compiler.compile(sys_inputs={"page": page, "ornament": blank}, format="pdf"))

    def sealed(self, drawn: bytes, issuer: str) -> bytes:
        place = Place(SEAL_X_MM, PAGE_HEIGHT_MM - SEAL_Y_MM, seal_picture.SIZE_MM)
        return self._seal.put(
            lambda: drawn, issuer=issuer, place=place, clock=SystemClock(), lock=nullcontext()
        )


_CONTENTS = re.compile(rb"/Contents <([0-9a-fA-F]+)>")


def with_signature_of(genuine: bytes, forged: bytes) -> bytes:
    """A page that the forger sealed, with the signature cut out of the genuine file in place of his."""
    [theirs], [ours] = _CONTENTS.findall(forged), _CONTENTS.findall(genuine)
    whole = ours.rstrip(b"0")
    return forged.replace(theirs, whole.ljust(len(theirs), b"0")[: len(theirs)])


def shadowed(genuine: bytes, drawn: bytes, url: str | None = None) -> bytes:
    """The sealed file continued, so that its page shows the forged drawing; and, with `url`, names another address."""
    writer = IncrementalPdfFileWriter(io.BytesIO(genuine))
    theirs = PdfFileReader(io.BytesIO(drawn)).root["/Pages"]["/Kids"][0]
    kid = writer.root["/Pages"].get_object()["/Kids"].raw_get(0)
    sheet = kid.get_object()
    for name in ("/Contents", "/Resources"):
        sheet[name] = writer.import_object(theirs.raw_get(name))
    writer.mark_update(kid)
    if url is not None:
        file = writer.root["/Names"]["/EmbeddedFiles"]["/Names"][1]["/EF"]
        file["/F"] = writer.add_object(generic.StreamObject(stream_data=url.encode()))
        writer.update_container(file)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


class PdfReaderHere:
    """The PdfReader port in this process: what the one that stands apart does, without a process for each file."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def read(self, data: bytes) -> SealedPdf:
        return read_pdf(data, self._keys.public())


def fields_of_template() -> set[str]:
    """Everything that certificate.typ prints out of what it is given."""
    return set(re.findall(r"page-data\.([a-z_]+)", pdf.TEMPLATE.read_text("utf-8")))


def rounds(keys: list[str], most: int) -> Iterator[tuple[int, str]]:
    """`most` edits, each with its seed, one field after the other."""
    for seed in range(most):
        yield seed, keys[seed % len(keys)]
