"""核验一份文件 with public keys alone: whatever was changed, the report says so."""

from __future__ import annotations

import argparse
import io
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from server.commands.verification import verify
from server.domain import offline
from server.domain.issuance import receipts
from server.domain.issuance.receipts import Statement
from server.machinery.documents.press import TypstPress
from server.machinery.documents.seal import Seal
from server.machinery.documents.verify import read_pdf
from server.machinery.keys import KeyFolder, create
from server.machinery.published_keys import PublishedKeys
from server.settings import Settings
from tests.conftest import ISSUER
from tests.fakes import FakeClock
from tests.machinery.documents.papers import page

STATEMENT = Statement(
    action="confirm_scan",
    issuance=7,
    revision=2,
    list_sha256="ab" * 32,
    count=128,
    plan="2023年9月22日社会心理服务证书考试计划",
    level="初级",
    officer=3,
    officer_name="王签发",
    school=1,
    school_name="京华职业技术学院",
    ticket="0123456789abcdef",
    at="2026-11-23T12:00:00.000+08:00",
)


def report(data: bytes, keys: KeyFolder) -> offline.Report:
    published = PublishedKeys(keys.public())
    return offline.verify_file(data, published, partial(read_pdf, public_keys=published.public()))


def test_a_sealed_certificate_is_genuine(sealed: bytes, key_folder: KeyFolder) -> None:
    found = report(sealed, key_folder)
    assert found.is_genuine
    said = str(found)
    for line in (
        "✓ 印章密钥 seal-1 在公布的公钥之中。",
        "✓ 签名有效，覆盖整个文件，签名之后没有任何改动。",
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
        assert str(found).endswith("结论：不能确认，请勿采信。")


def test_an_update_after_the_seal_is_seen(sealed: bytes, key_folder: KeyFolder) -> None:
    writer = IncrementalPdfFileWriter(io.BytesIO(sealed))
    writer.root["/Lang"] = writer.root["/Lang"]
    writer.update_root()
    out = io.BytesIO()
    writer.write(out)
    found = report(out.getvalue(), key_folder)
    assert not found.is_genuine and "✗ 签名之后文件被追加过内容。" in str(found)


def test_a_page_without_a_seal_is_not_genuine(press: TypstPress, key_folder: KeyFolder) -> None:
    found = report(press.draw(page(key_folder)), key_folder)
    assert not found.is_genuine and "✗ 没有电子印章签名。" in str(found)


def test_a_strangers_seal_is_not_ours(key_folder: KeyFolder, tmp_path: Path) -> None:
    create(tmp_path / "keys", development=True, organisation=ISSUER)
    stranger = KeyFolder(tmp_path / "keys", production=False)
    forger = TypstPress(FakeClock(), Seal(stranger.seal_credentials()))
    found = report(forger.make_now(page(key_folder)), key_folder)
    assert not found.is_genuine and "✗ 签名的密钥不在公布的印章公钥之中。" in str(found)
    found = report(forger.make_now(page(stranger)), key_folder)
    assert "✗ 证书内没有可以验证的核验码" in str(found)


def test_a_page_that_says_something_else_than_its_code_is_seen(
    press: TypstPress,
    key_folder: KeyFolder,
) -> None:
    lying = replace(page(key_folder), level="高级", name="崔子函")
    found = report(press.make_now(lying), key_folder)
    assert not found.is_genuine
    assert "✗ 页面文字与核验码不一致：持证人姓名、证书等级。" in str(found)


def test_a_receipt_is_read(key_folder: KeyFolder) -> None:
    found = report(receipts.make(key_folder, STATEMENT), key_folder)
    assert found.is_genuine
    assert found.lines == [
        "  ✓ 由本系统的凭据密钥签名，内容未被改动：",
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


def test_the_command_needs_only_the_published_file(
    sealed: bytes,
    key_folder: KeyFolder,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from server.doors.verification import _key

    keys, file = tmp_path / "keys.json", tmp_path / "证书.pdf"
    keys.write_text(json.dumps({"keys": [_key(key) for key in key_folder.public()]}))
    file.write_bytes(sealed)
    nowhere = Settings(keys_dir=tmp_path / "none")
    assert verify(argparse.Namespace(file=file, keys=keys), nowhere) == 0
    assert "结论：真实" in capsys.readouterr().out
    file.write_bytes(sealed + b"\n")
    assert verify(argparse.Namespace(file=file, keys=keys), nowhere) == 1
    assert verify(argparse.Namespace(file=file, keys=None), nowhere) == 2
    assert verify(argparse.Namespace(file=tmp_path / "gone.pdf", keys=keys), nowhere) == 2
    keys.write_text("[]")
    assert verify(argparse.Namespace(file=file, keys=keys), nowhere) == 2
    assert "不是公布的公钥文件" in capsys.readouterr().out
