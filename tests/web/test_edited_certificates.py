"""One printed field of a genuine certificate is edited, in 200 ways: the page tells each apart, however it is brought in.

Paper with the genuine code is told apart by what the page shows beside it; a code, a file or a name that was touched is
never confirmed. A failure names the seed of its edit.
"""

from __future__ import annotations

import hashlib
import html
import random
import re
from collections import Counter
from typing import Any

import pytest

from server.adapters.clock import SystemClock
from server.adapters.documents.pdf import TypstPdfRenderer, page_data
from server.adapters.documents.seal import Seal
from server.adapters.keys import KeyFolder, create
from server.domain.certificates import files
from server.domain.certificates.claims import Claims, code_url
from server.domain.ports import Services
from server.models import Candidate, Certificate
from tests.adapters.documents.papers import photo
from tests.conftest import ISSUER
from tests.kit import forging
from tests.kit.exchange import exchange
from tests.kit.fakes import FakeClock, MemoryRateLimiter
from tests.kit.forging import Forger, PdfReaderHere
from tests.kit.h5 import App

EDITS = 200
PAGE = {"accept": "text/html"}
ROWS = {  # what the page shows beside the paper, by the template's name of it
    "name": "持证人姓名",
    "id_masked": "证件号码",
    "title": "证书名称",
    "level": "证书等级",
    "level_english": "证书等级",
    "number": "证书编号",
    "standard": "标准版本",
    "exam_date": "考试日期",
    "school": "考核院校",
    "issuer": "颁证机构",
    "issued_on": "发证日期",
}
ELSEWHERE = {  # printed, and beside no row: the words of the page that tell of it
    "portal_number": "门户证书编号：发放记录里还没有。证书上写着编号的，请到门户核对。",
    "statement": "以国家职业技能等级证书信息管理服务平台（1+X门户）的记录为准",
    "verification_site": "看网址：开头应当是 {site}，",
    "photo": "照片应是持证人本人（本页不显示照片）",
}
IN_CODE = {"url", "qr"}  # the address, as text and as picture
IN_FILE = {"issued"}  # the day in the file's particulars
MACHINERY = {"fonts", "seal"}  # the same on every certificate
KEYS = [*ROWS, *ELSEWHERE, *IN_CODE, *IN_FILE]
FILES = ("bare", "sealed by another", "shadow edit", "signature cut out of the genuine file")


class World:
    """A genuine certificate on record, and the forger."""

    def __init__(self, app: App, s: Services, certificate: Certificate, forger: Forger) -> None:
        self.app, self.s, self.certificate, self.forger = app, s, certificate, forger
        self.said = Claims.from_bytes(bytes(certificate.claims or b""))
        self.true: dict[str, Any] = {}
        self.genuine = b""

    async def scanned(self, code: str) -> Any:
        self._unhurried()
        _, response = await self.app.asgi_client.get(f"/v/{code}", headers=PAGE)
        return response

    async def typed(self, number: str, name: str) -> Any:
        self._unhurried()
        data = {"number": number, "name": name}
        _, response = await self.app.asgi_client.post("/v", data=data, headers=PAGE, follow_redirects=True)
        return response

    async def judged(self, data: bytes) -> Any:
        self._unhurried()
        headers = {"accept": "application/json"}
        _, response = await self.app.asgi_client.post(
            "/v/file", files={"file": ("x.pdf", data)}, headers=headers
        )
        return response

    def _unhurried(self) -> None:
        """A forger has many addresses and much time."""
        assert isinstance(self.s.clock, FakeClock)
        exchange(self.s, rate_limiter=MemoryRateLimiter(self.s.clock))


@pytest.fixture(scope="module")
def forger(tmp_path_factory: pytest.TempPathFactory) -> Forger:
    folder = tmp_path_factory.mktemp("forger")
    create(folder, development=True, organisation=ISSUER)
    return Forger(KeyFolder(folder, production=False))


@pytest.fixture
async def world(
    app: App, services: Services, certificate: Certificate, key_folder: KeyFolder, forger: Forger
) -> World:
    exchange(services, pdf_reader=PdfReaderHere(services.keys))
    w = World(app, services, certificate, forger)
    page = await files.page(services, certificate)
    w.true = page_data(page)
    w.genuine = TypstPdfRenderer(SystemClock(), Seal(key_folder.seal_credentials)).make_now(page)
    await Certificate.filter(id=certificate.id).update(pdf_sha256=hashlib.sha256(w.genuine).digest())
    return w


def words(page: str) -> str:
    plain = html.unescape(re.sub(r"<[^>]+>", "", page.partition("<main")[2]))
    return re.sub(r"\s+", " ", plain)


def is_confirmed(response: Any) -> bool:
    return response.status == 200 and re.search(r'id="verdict">证书有效<', response.text) is not None


def confirms(w: World, response: Any, key: str, edit: str) -> bool:
    """Whether whoever holds paper that says `edit` is told that it is right: true and edit look the same on the page."""
    if not is_confirmed(response):
        return False
    if key in ROWS:
        found = [
            html.unescape(one)
            for one in re.findall(rf"<dt>{ROWS[key]}</dt>\s*<dd[^>]*>([^<]*)</dd>", response.text)
        ]
        if key.startswith("level"):  # both stand in one row: 初级（Primary）
            found = [one.rstrip("）").split("（")[key == "level_english"] for one in found]
        return found != [w.true[key]] or edit == w.true[key]
    there = words(response.text)
    wanted = ELSEWHERE[key].format(site=w.true["verification_site"])
    return wanted not in there or (isinstance(edit, str) and edit in there.replace(wanted, ""))


async def on_paper(w: World, key: str, edit: Any, seed: int) -> list[str]:
    """Printed anew beside the genuine code; and typed from the paper into the form, which shows the same page."""
    if key in IN_CODE | IN_FILE:
        return []
    wrong = []
    if confirms(w, await w.scanned(w.certificate.code), key, edit):
        wrong.append("the scanned page confirms it")
    if key not in ("number", "name") and seed % 4:
        return wrong
    number = edit if key == "number" else w.true["number"]
    name = edit if key == "name" else w.true["name"]
    if confirms(w, await w.typed(number, name), key, edit):
        wrong.append("number and name confirm it")
    return wrong


async def in_code(w: World, key: str, edit: Any, seed: int) -> list[str]:
    """In the claims of the code, signed by whomever; or in the digits themselves."""
    rng = random.Random(f"code {seed}")
    if key in IN_CODE:
        digits = [make(rng, w.certificate.code) for make in forging.MADE]
        codes = {str(at): one for at, one in enumerate(digits) if one != w.certificate.code}
    else:
        made = {
            way: forging.forged_code(w.forger.keys, w.certificate.code, w.said, key, edit, way)
            for way in forging.WAYS_OF_CODES
            if isinstance(edit, str)
        }
        codes = {way: code for way, code in made.items() if code is not None}
    wrong = []
    for way, code in codes.items():
        response = await w.scanned(code)
        if is_confirmed(response) or response.status not in (404, 503) or "证书有效" in words(response.text):
            wrong.append(f"a code with {way} is answered {response.status}")
    return wrong


async def as_file(w: World, key: str, edit: Any, way: str) -> list[str]:
    data = w.true | {key: edit}
    if key == "photo":
        data = w.true | {"photo": list(photo())}
    drawn = w.forger.draw(data)
    given = {
        "bare": lambda: drawn,
        "sealed by another": lambda: w.forger.sealed(drawn, ISSUER),
        "shadow edit": lambda: forging.shadowed(w.genuine, drawn, edit if key == "url" else None),
        "signature cut out of the genuine file": lambda: forging.with_signature_of(
            w.genuine, w.forger.sealed(drawn, ISSUER)
        ),
    }[way]()
    said = (await w.judged(given)).json
    wrong = [one["text"] for one in said["findings"] if one["judgement"] == "wrong"]
    if said["is_good"] or said["is_genuine"] or not wrong or not said["conclusion"].endswith("请勿采信。"):
        return [f"{way}: {said['conclusion']}"]
    return []


async def test_every_printed_field_is_one_of_those_that_are_edited(world: World) -> None:
    """A field that is new on the certificate has to be told apart as well: it fails here until it is."""
    assert forging.fields_of_template() == {*KEYS, *MACHINERY}
    assert {*world.true, "fonts"} == {*KEYS, *MACHINERY}


async def test_200_edits_of_a_printed_field_are_each_told_apart(world: World) -> None:
    w = world
    assert is_confirmed(await w.scanned(w.certificate.code))
    assert is_confirmed(await w.typed(w.true["number"], w.true["name"]))
    assert (await w.judged(w.genuine)).json["is_good"]
    wrong, tried = [], Counter[str]()
    for seed, key in forging.rounds(KEYS, EDITS):
        edit = forging.edited(random.Random(seed), key, w.true[key])
        told = await on_paper(w, key, edit, seed) + await in_code(w, key, edit, seed)
        if (turn := seed // len(KEYS)) < len(FILES):
            told += await as_file(w, key, edit, FILES[turn])
        wrong += [f"seed {seed}, {key} as {edit!r}: {one}" for one in told]
        tried[key] += 1
    assert wrong == []
    assert min(tried.values()) >= EDITS // len(KEYS) and sum(tried.values()) == EDITS


async def test_of_a_name_or_number_only_what_a_person_types_otherwise_is_forgiven(world: World) -> None:
    """Width, spaces and hyphens of a keyboard; then the page shows it as it is on record. Any other edit finds nothing."""
    w = world
    for seed in range(40):
        key = ("number", "name")[seed % 2]
        rng = random.Random(f"typed {seed}")
        make = forging.MADE[seed // 2 % len(forging.MADE)]
        edit = make(rng, w.true[key])
        if edit == w.true[key]:
            continue
        typed = {"number": w.true["number"], "name": w.true["name"]} | {key: edit}
        response = await w.typed(**typed)
        is_forgiven = make in (forging.wide, forging.spaced, forging.same_shape)
        assert is_confirmed(response) == is_forgiven or make is forging.same_shape, (seed, edit)
        if is_confirmed(response):
            assert f">{w.true[key]}<" in response.text and f">{edit}<" not in response.text, (seed, edit)


async def test_the_record_of_another_person_bears_no_code_out(world: World) -> None:
    """A code of ours that says what the record does not: signed once, and never issued so."""
    other = await Candidate.get(name="崔子涵")
    theirs = await Certificate.get(candidate_id=other.id)
    url = code_url(world.s.settings.public_url, theirs.code)
    given = forging.shadowed(world.genuine, world.forger.draw(world.true | {"url": url}), url)
    said = (await world.judged(given)).json
    assert (said["conclusion"], said["is_good"]) == ("签名之后被改动过，请勿采信。", False)
    assert "附件里的核验码也被换过，以下是换上去的。" in [one["text"] for one in said["findings"]]
