"""/v/file: what strangers put in is told for what it is, by a parser that stands apart, and nothing is kept."""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path
from typing import Any

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from sanic import Sanic

from server.adapters.clock import SystemClock
from server.adapters.documents import reader_apart
from server.adapters.documents.pdf import TypstPdfRenderer
from server.adapters.documents.reader_apart import PdfReaderApart
from server.adapters.documents.seal import Seal
from server.adapters.documents.verify import read_pdf
from server.adapters.keys import KeyFolder, create
from server.commands.verify import printed
from server.domain.certificates import files, revocation
from server.domain.issuance import offline
from server.domain.ports import Services
from server.domain.privacy import erasing
from server.errors import OutsideFailure, Refused
from server.models import Certificate, Receipt
from tests.adapters.documents.papers import page
from tests.conftest import ISSUER
from tests.kit import make
from tests.kit.whole_person import ASKED

App = Sanic[Any, Any]
PAGE = {"accept": "text/html"}
JSON = {"accept": "application/json"}


async def rendered(services: Services, key_folder: KeyFolder, certificate: Certificate) -> bytes:
    renderer = TypstPdfRenderer(SystemClock(), Seal(key_folder.seal_credentials))
    return renderer.make_now(await files.page(services, certificate))


@pytest.fixture
async def pdf(services: Services, key_folder: KeyFolder, certificate: Certificate) -> bytes:
    """The certificate as a real, sealed file: the one on record."""
    data = await rendered(services, key_folder, certificate)
    await Certificate.filter(id=certificate.id).update(pdf_sha256=hashlib.sha256(data).digest())
    return data


async def put(app: App, data: bytes, headers: dict[str, str] | None = None, name: str = "x.pdf") -> Any:
    _, response = await app.asgi_client.post("/v/file", files={"file": (name, data)}, headers=headers or JSON)
    return response


def words(page_: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page_.partition("<main")[2]))


def painted(data: bytes, *, hide: bool = False) -> bytes:
    """The sealed file continued: other words over its first page; or the whole content replaced (a shadow edit)."""
    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    kid = writer.root["/Pages"].get_object()["/Kids"].raw_get(0)
    sheet = kid.get_object()
    stream = writer.add_object(generic.StreamObject(stream_data=b"1 0 0 rg 100 100 200 50 re f"))
    was = sheet.raw_get("/Contents")
    before = [] if hide else list(was) if isinstance(was, generic.ArrayObject) else [was]
    sheet["/Contents"] = generic.ArrayObject([*before, stream])
    writer.mark_update(kid)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


async def test_a_genuine_certificate_is_told_with_its_standing(
    app: App, certificate: Certificate, pdf: bytes
) -> None:
    answer = await put(app, pdf)
    said = answer.json
    assert (answer.status, said["kind"], said["conclusion"]) == (200, "证书 PDF", "真实，未被改动。")
    assert (said["is_genuine"], said["is_good"], said["standing"]) == (True, True, "valid")
    shown = await put(app, pdf, PAGE)
    text = words(shown.text)
    assert "真实，未被改动" in text and "证书有效" in text and certificate.number in text
    assert f'href="/v/{certificate.code}"' in shown.text and shown.headers["cache-control"] == "no-store"


async def test_the_holders_file_stays_genuine_when_their_personal_data_are_erased(
    app: App, services: Services, certificate: Certificate, pdf: bytes
) -> None:
    case = await erasing.ask(services, certificate.candidate_id, ASKED, actor=make.OPERATOR)
    await erasing.approve(services, case, actor=make.ADMIN)
    said = (await put(app, pdf)).json
    assert (said["is_genuine"], said["is_good"], said["standing"]) == (True, True, "valid")
    shown = await app.asgi_client.get(f"/v/{certificate.code}", headers=PAGE)
    assert "证书有效" in words(shown[1].text) and "*" * 18 in shown[1].text


async def test_another_file_than_the_one_on_record_is_not_confirmed(
    app: App, services: Services, key_folder: KeyFolder, certificate: Certificate, pdf: bytes
) -> None:
    """Sealed with our key, word for word the same, and yet not the file that was issued."""
    again = await rendered(services, key_folder, certificate)
    assert again != pdf
    said = (await put(app, again)).json
    assert (said["is_genuine"], said["is_good"], said["standing"]) == (False, False, "valid")
    assert said["conclusion"] == "不能确认，请勿采信。"
    assert "与发放时存档的电子文件不是同一份（SHA-256 不同）。" in [one["text"] for one in said["findings"]]
    assert (await put(app, pdf)).json["is_good"]


@pytest.mark.parametrize("hide", [False, True], ids=["painted over", "replaced"])
async def test_what_was_added_after_the_seal_is_shown(
    app: App, certificate: Certificate, pdf: bytes, hide: bool
) -> None:
    said = (await put(app, painted(pdf, hide=hide))).json
    assert (said["conclusion"], said["is_good"]) == ("签名之后被改动过，请勿采信。", False)
    texts = [one["text"] for one in said["findings"]]
    [added] = [one for one in texts if "次存盘在封存之后" in one]
    assert re.search(r"改动了 \d+ 个对象（[\d、]+…?），涉及第 1 页：.*页面", added)
    assert any(one.startswith("盖章封存的是第 ") for one in texts)
    [sealed] = [one for one in texts if one.startswith("封存时记载：")]
    assert certificate.number in sealed and "欧阳慧敏" in sealed
    text = words((await put(app, painted(pdf, hide=hide), PAGE)).text)
    assert "签名之后被改动过，请勿采信" in text and "不是您这份文件的" in text


async def test_a_changed_byte_a_bare_page_and_a_strangers_seal(
    app: App, services: Services, certificate: Certificate, pdf: bytes, tmp_path: Path, key_folder: KeyFolder
) -> None:
    changed = bytearray(pdf)
    at = pdf.index(b"stream") + 40
    changed[at] ^= 1
    assert (await put(app, bytes(changed))).json["conclusion"] == "签名之后被改动过，请勿采信。"
    bare = TypstPdfRenderer(SystemClock(), Seal(key_folder.seal_credentials)).draw(page(key_folder))
    assert (await put(app, bare)).json["conclusion"] == "不是颁证机构签出的，请勿采信。"
    create(tmp_path / "other", development=True, organisation=ISSUER)
    other = KeyFolder(tmp_path / "other", production=False)
    theirs = TypstPdfRenderer(SystemClock(), Seal(other.seal_credentials)).make_now(page(other))
    said = (await put(app, theirs)).json
    assert (said["conclusion"], said["standing"]) == ("不是颁证机构签出的，请勿采信。", None)


async def test_a_revoked_certificates_file_never_looks_good(
    app: App, services: Services, certificate: Certificate, pdf: bytes
) -> None:
    await revocation.revoke(
        services.clock, services.faults, certificate.number, "替考", actor=make.ISSUER_STAFF
    )
    said = (await put(app, pdf)).json
    assert (said["is_genuine"], said["is_good"], said["standing"]) == (True, False, "revoked")
    text = words((await put(app, pdf, PAGE)).text)
    assert "证书已撤销" in text and "证书现在有效" not in text and "替考" not in text


async def test_a_credential_and_a_receipt_are_told_as_well(app: App, certificate: Certificate) -> None:
    _, vc = await app.asgi_client.get(f"/v/{certificate.code}.vc")
    said = (await put(app, vc.body, name="x.json")).json
    assert (said["kind"], said["is_good"], said["standing"]) == ("可验证凭证", True, "valid")
    receipt = bytes((await Receipt.all().first()).document)  # type: ignore[union-attr]
    said = (await put(app, receipt)).json
    assert (said["kind"], said["is_good"], said["standing"]) == ("签发凭据", True, None)
    said = (await put(app, receipt.replace(b'"count":', b'"count":1'))).json
    assert (said["is_genuine"], said["conclusion"]) == (False, "不能确认，请勿采信。")


async def test_the_command_says_the_same_words(
    app: App, services: Services, pdf: bytes, certificate: Certificate
) -> None:
    for data in (pdf, painted(pdf)):
        said = (await put(app, data)).json
        report = offline.verify_file(data, services.keys, lambda d: read_pdf(d, services.keys.public()))
        assert [one["text"] for one in said["findings"]] == [one.text for one in report.findings]
        assert printed(report).splitlines()[-1] == f"结论：{said['conclusion']}"


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 422, "file_missing"),
        (b"{" + b" " * 300_000, 422, "file_too_large"),
        (b'{"%PDF-1.7":[' + b"1," * 150_000 + b"1]}", 422, "file_too_large"),  # JSON that says it is a PDF
        (b"%PDF-1.7" + b" " * 5_050_000, 422, "file_too_large"),
        (b"%PDF-1.7" + b" " * 6_000_000, 413, None),
    ],
)
async def test_what_is_missing_or_too_large_is_refused(
    app: App, data: bytes, status: int, code: str | None
) -> None:
    answer = await put(app, data)
    assert answer.status == status and (code is None or answer.json["code"] == code)
    if code is not None:
        shown = await put(app, data, PAGE)
        assert shown.status == status and 'role="alert"' in shown.text


@pytest.mark.parametrize(
    "data", [b"%PDF-1.7\nrubbish", b"hello", b"[" * 50_000, b"{" * 50_000, b"\xff\xfe{}"]
)
async def test_rubbish_is_told_and_harms_nobody(app: App, data: bytes) -> None:
    said = (await put(app, data)).json
    assert (said["is_genuine"], said["standing"]) == (False, None)
    assert said["conclusion"].endswith("请勿采信。")


async def test_one_address_may_not_keep_the_parser_busy(app: App) -> None:
    for _ in range(20):
        assert (await put(app, b"hello")).status == 200
    answer = await put(app, b"hello")
    assert (answer.status, answer.json["code"]) == (429, "verification_paused")
    shown = await put(app, b"hello", PAGE)
    assert shown.status == 429 and shown.headers["retry-after"] == "600"


async def test_a_parser_that_hangs_or_eats_memory_is_ended(
    services: Services, pdf: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = PdfReaderApart(services.keys)
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    writer.add_object(generic.StreamObject(stream_data=b"x" * 30_000_000))
    out = io.BytesIO()
    writer.write(out)
    pdf = out.getvalue()
    assert (await reader.read(pdf)).later
    monkeypatch.setattr(reader_apart, "MEMORY", 60_000_000)
    with pytest.raises(Refused, match="已损坏或不是 PDF"):
        await reader.read(pdf)
    monkeypatch.setattr(reader_apart, "MEMORY", 1_000_000_000)
    monkeypatch.setattr(reader_apart, "PATIENCE", 0.05)
    with pytest.raises(Refused, match="已损坏或不是 PDF"):
        await reader.read(pdf)


async def test_too_many_at_once_wait_and_are_told(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = PdfReaderApart(services.keys)
    monkeypatch.setattr(reader_apart, "WAITING", 0.01)
    for _ in range(reader_apart.AT_ONCE):
        await reader._turns.acquire()
    with pytest.raises(OutsideFailure):
        await reader.read(b"%PDF-1.7")


async def test_a_reader_that_cannot_be_started_says_nothing_of_the_file(
    app: App, pdf: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(reader_apart, "_ROOT", tmp_path / "gone")
    answer = await put(app, pdf)
    assert answer.status == 503 and "损坏" not in answer.text and "gone" not in answer.text
    shown = await put(app, pdf, PAGE)
    assert shown.status == 503 and 'role="alert"' in shown.text and "损坏" not in shown.text
    monkeypatch.undo()
    assert (await put(app, pdf)).json["is_good"]


async def test_what_is_read_apart_is_what_is_read_here(services: Services, pdf: bytes) -> None:
    for data in (pdf, painted(pdf)):
        assert await PdfReaderApart(services.keys).read(data) == read_pdf(data, services.keys.public())


@pytest.mark.rule("S10")
async def test_the_pages_say_which_of_the_five_it_is(app: App, certificate: Certificate) -> None:
    for path in ("/v", "/v/about"):
        _, response = await app.asgi_client.get(path, headers=PAGE)
        text = words(response.text)
        assert [text.index(one) for one in FIVE] == sorted(text.index(one) for one in FIVE), path
        assert "2017 年 9 月已退出国家职业资格目录" in text
        rows = re.findall(r"<tr.*?</tr>", response.text, re.DOTALL)[1:]
        assert [("可以" in row) for row in rows] == [True, False, False, False, False]
    _, response = await app.asgi_client.get(f"/v/{certificate.code}", headers=PAGE)
    assert "它不是心理咨询师国家职业资格、中科院心理咨询师、人事人才网心理咨询师" in words(response.text)


FIVE = (
    "社会心理服务职业技能等级证书（1+X）",
    "心理咨询师国家职业资格证书",
    "中科院心理咨询师",
    "人事人才网心理咨询师",
    "社会心理服务指导师",
)
