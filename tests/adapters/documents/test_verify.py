"""核验一份文件 with public keys alone: whatever was changed, the report says so."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import shutil
import time
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from server.adapters.documents.pdf import TypstPdfRenderer
from server.adapters.documents.seal import Seal
from server.adapters.documents.verify import read_pdf
from server.adapters.keys import KeyFolder, create, retire, rotate
from server.adapters.published_keys import PublishedKeys
from server.commands.verify import printed, verify
from server.domain.certificates import data_integrity
from server.domain.issuance import offline, receipts
from server.errors import Refused, Unverified
from server.settings import Settings
from tests.adapters.documents.papers import page
from tests.conftest import ISSUER
from tests.kit.documents import STATEMENT
from tests.kit.fakes import NOON, FakeClock


def report(data: bytes, keys: KeyFolder) -> offline.Report:
    published = PublishedKeys(keys.public())
    return offline.verify_file(data, published, partial(read_pdf, public_keys=published.public()))


def test_a_sealed_certificate_is_genuine(sealed: bytes, key_folder: KeyFolder) -> None:
    found = report(sealed, key_folder)
    assert found.is_genuine
    said = printed(found)
    for line in (
        "✓ 印章密钥 seal-1 在公布的公钥之中。",
        "✓ 签名有效，覆盖整个文件，签名之后没有任何改动。",
        f"文件 SHA-256：{hashlib.sha256(sealed).hexdigest()}",
        "✓ 核验码由颁证机构的密钥 certificate-1 签名，记载内容：",
        "签名时在有效期内。",
        "✓ 页面文字与核验码逐项一致。",
        "持证人姓名：司马䶮㛃𠮷𬱖",
        "结论：真实，未被改动。",
    ):
        assert line in said


def test_a_changed_byte_is_seen(sealed: bytes, key_folder: KeyFolder) -> None:
    for at in range(40, len(sealed) - 9000, len(sealed) // 7):
        changed = bytearray(sealed)
        changed[at] ^= 1
        found = report(bytes(changed), key_folder)
        assert not found.is_genuine
        assert printed(found).endswith(("结论：签名之后被改动过，请勿采信。", "结论：不能确认，请勿采信。"))


def test_an_update_after_the_seal_is_seen(sealed: bytes, key_folder: KeyFolder) -> None:
    writer = IncrementalPdfFileWriter(io.BytesIO(sealed))
    writer.root["/Lang"] = writer.root["/Lang"]
    writer.update_root()
    out = io.BytesIO()
    writer.write(out)
    found = report(out.getvalue(), key_folder)
    assert not found.is_genuine and "✗ 签名之后文件被追加过内容。" in printed(found)


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside a page"])
def test_pages_that_lead_back_into_themselves_end(sealed: bytes, key_folder: KeyFolder, beside: bool) -> None:
    """The command reads in its own process, without any limit of time."""
    writer = IncrementalPdfFileWriter(io.BytesIO(sealed))
    tree = writer.root.raw_get("/Pages")
    kids = tree.get_object()["/Kids"]
    tree.get_object()["/Kids"] = generic.ArrayObject(
        [generic.IndirectObject(tree.idnum, tree.generation, writer), *(list(kids) if beside else [])]
    )
    writer.mark_update(tree)
    if beside:
        writer.mark_update(kids.raw_get(0))
    out = io.BytesIO()
    writer.write(out)
    begun = time.monotonic()
    found = read_pdf(out.getvalue(), key_folder.public())
    assert time.monotonic() - begun < 30
    assert [one.is_whole for one in found.marks] == [False]
    [added] = found.later
    assert tree.idnum in added.objects and "page" in added.kinds
    assert added.pages == ((1,) if beside else ())


def test_a_page_without_a_seal_is_not_genuine(pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder) -> None:
    found = report(pdf_renderer.draw(page(key_folder)), key_folder)
    assert not found.is_genuine and "✗ 没有电子印章签名。" in printed(found)


def test_a_strangers_seal_is_not_ours(key_folder: KeyFolder, tmp_path: Path) -> None:
    create(tmp_path / "keys", development=True, organisation=ISSUER, now=NOON)
    stranger = KeyFolder(tmp_path / "keys", production=False)
    forger = TypstPdfRenderer(FakeClock(), Seal(stranger.seal_credentials()))
    found = report(forger.make_now(page(key_folder)), key_folder)
    assert not found.is_genuine and "✗ 签名的密钥不在公布的印章公钥之中；" in printed(found)
    found = report(forger.make_now(page(stranger)), key_folder)
    assert "✗ 证书内没有可以验证的核验码" in printed(found)


def test_a_page_that_says_something_else_than_its_code_is_seen(
    pdf_renderer: TypstPdfRenderer,
    key_folder: KeyFolder,
) -> None:
    lying = replace(page(key_folder), level="高级", name="崔子函")
    found = report(pdf_renderer.make_now(lying), key_folder)
    assert not found.is_genuine
    assert "✗ 页面文字与核验码不一致：持证人姓名、证书等级。" in printed(found)


def test_a_receipt_is_read(key_folder: KeyFolder) -> None:
    document = receipts.make(key_folder, STATEMENT)
    found = report(document, key_folder)
    assert found.is_genuine
    assert printed(found).splitlines()[1:-1] == [
        f"    文件 SHA-256：{hashlib.sha256(document).hexdigest()}",
        "  ✓ 由本系统的凭据密钥 receipt-1 签名，内容未被改动：",
        "    操作：确认签发",
        "    院校：京华职业技术学院",
        "    签发负责人：王签发",
        "    考试计划：2023年9月22日社会心理服务证书考试计划",
        "    等级：初级",
        "    人数：128",
        "    批次：7（第 2 次送签）",
        f"    名单摘要：{'ab' * 32}",
        "    时间：2026-11-23T12:00:00.000+08:00",
    ]


def test_any_changed_byte_of_a_receipt_is_seen(key_folder: KeyFolder) -> None:
    document = receipts.make(key_folder, STATEMENT)
    for at in range(len(document)):
        changed = bytearray(document)
        changed[at] ^= 1
        assert not report(bytes(changed), key_folder).is_genuine


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"{}", b"[]", b"%PDF-1.7\n", b"%PDF-1.7\n" + b"\0" * 400, b"PK\3\4"]
)
def test_anything_else_is_not_genuine(data: bytes, key_folder: KeyFolder) -> None:
    assert not report(data, key_folder).is_genuine


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7\n", b"%PDF-1.7\n" + b"\0" * 400])
def test_what_is_no_pdf_is_refused_by_its_code(data: bytes, key_folder: KeyFolder) -> None:
    with pytest.raises(Refused, match="文件已损坏或不是 PDF，无法读取。") as refusal:
        read_pdf(data, key_folder.public())
    assert refusal.value.code == "pdf_unreadable"


@pytest.mark.parametrize("document", [{}, [], None, {"proof": {}}, {"issuer": "did:web:x", "proof": "x"}])
def test_what_is_no_credential_is_refused_by_its_code(document: object, key_folder: KeyFolder) -> None:
    with pytest.raises(Unverified, match="可验证凭证无法通过验证") as refusal:
        data_integrity.opened(key_folder, document)
    assert refusal.value.code == "credential_invalid"


def test_the_command_needs_only_the_published_file(
    sealed: bytes,
    key_folder: KeyFolder,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from server.web.verification import key_document

    keys, file = tmp_path / "keys.json", tmp_path / "证书.pdf"
    keys.write_text(json.dumps({"keys": [key_document(key) for key in key_folder.public()]}))
    file.write_bytes(sealed)
    nowhere = Settings(keys_dir=tmp_path / "none")
    assert verify(argparse.Namespace(list=None, file=file, keys=str(keys), proof=None), nowhere) == 0
    assert "结论：真实" in capsys.readouterr().out
    file.write_bytes(sealed + b"\n")
    assert verify(argparse.Namespace(list=None, file=file, keys=str(keys), proof=None), nowhere) == 1
    assert verify(argparse.Namespace(list=None, file=file, keys=None, proof=None), nowhere) == 2
    assert "请用 --keys 指出公布的公钥" in capsys.readouterr().out
    remote = argparse.Namespace(
        list=None, file=file, keys="http://certificates.example/.well-known/xcert-keys.json"
    )
    assert verify(remote, nowhere) == 2
    assert "公钥只能从 https:// 网址读取" in capsys.readouterr().out
    assert verify(argparse.Namespace(list=None, file=tmp_path / "gone.pdf", keys=str(keys)), nowhere) == 2
    keys.write_text("[]")
    assert verify(argparse.Namespace(list=None, file=file, keys=str(keys), proof=None), nowhere) == 2
    assert "不是公布的公钥文件" in capsys.readouterr().out


def test_bytes_beside_the_signature_are_part_of_the_judgement(sealed: bytes, key_folder: KeyFolder) -> None:
    """The room left over in /Contents is outside the signed range; something written there is seen all the same."""
    [signature] = PdfFileReader(io.BytesIO(sealed)).embedded_signatures
    end = int(signature.byte_range[2]) - 1
    assert sealed[end - 4 : end] == b"0000"
    padded = sealed[: end - 4] + b"4142" + sealed[end:]
    found = report(padded, key_folder)
    assert not found.is_genuine
    assert "✗ 签名旁预留的空白里被写入过别的内容" in printed(found)


def test_a_retired_key_is_no_proof_by_itself(
    pdf_renderer: TypstPdfRenderer, keys_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "keys"
    shutil.copytree(keys_dir, folder)
    keys = KeyFolder(folder, production=False)
    certificate, receipt = pdf_renderer.make_now(page(keys)), receipts.make(keys, STATEMENT)
    for purpose in ("certificate", "receipt"):
        rotate(folder, purpose, organisation=ISSUER, now=NOON)
        retire(folder, purpose, 1, reason="私钥泄露", now=NOON)
    keys = KeyFolder(folder, production=False)
    for document, key_id in ((certificate, "certificate-1"), (receipt, "receipt-1")):
        found = report(document, keys)
        assert (found.is_genuine, found.is_open) == (False, True)
        line = f"? 密钥 {key_id} 已于 2026年11月23日 12:00（北京时间）停用（原因：私钥泄露），不能只凭它的签名确认，请联网核验。"
        assert line in printed(found)
        assert printed(found).endswith("结论：现在无法判断，核验成功之前请勿采信。")
    changed = bytearray(certificate)
    changed[300] ^= 1
    assert printed(report(bytes(changed), keys)).endswith("结论：签名之后被改动过，请勿采信。"), (
        "a forgery stays one"
    )


def test_a_certificate_of_a_newer_key_is_neither_genuine_nor_forged(
    pdf_renderer: TypstPdfRenderer, keys_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "keys"
    shutil.copytree(keys_dir, folder)
    published = KeyFolder(folder, production=False)
    published._looked_at = float("inf")  # a list that was kept: it never looks again
    rotate(folder, "certificate", organisation=ISSUER)
    found = report(pdf_renderer.make_now(page(KeyFolder(folder, production=False))), published)
    assert (found.is_genuine, found.is_open) == (False, True)
    assert "? 暂时无法核验：公布的公钥里还没有 certificate-2" in printed(found)


def test_a_seal_outside_its_time_is_told(pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder) -> None:
    [mark] = read_pdf(pdf_renderer.make_now(page(key_folder)), key_folder.public()).marks
    late = replace(mark, moment=mark.valid[1] + timedelta(days=1) if mark.valid else None)
    told = offline.Report("x")
    offline._validity(told, late)
    assert not told.is_genuine and "签名时间不在其中" in printed(told)
