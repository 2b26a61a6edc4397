"""核验一份规范名单: its form, its digest, and whether the receipt signs exactly this one."""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server.adapters.keys import KeyFolder, rotate
from server.adapters.published_keys import PublishedKeys
from server.command_line import build_parser
from server.commands.verify import verify
from server.domain.certificates.claims import Line, list_digest, number_of
from server.domain.issuance import receipts
from server.domain.issuance.offline_list import verify_list
from server.domain.levels import Level
from server.settings import Settings
from server.web.verification import key_document
from tests.conftest import ISSUER
from tests.kit.documents import STATEMENT

LINES = [
    Line(
        number=number_of("26", "SPS", Level.PRIMARY, serial),
        name=name,
        id_hash="0f" * 16,
        level="primary",
        plan="2023年9月22日社会心理服务证书考试计划",
        exam_date="2023-09-22",
        certificate="社会心理服务",
        outcome="passed",
        standard="2.0",
        issuer="某评价组织",
        school="京华职业技术学院",
    )
    for serial, name in enumerate(("邹𠮷", "罗佳"), start=71571)
]
LIST = b"[" + b",".join(line.to_bytes() for line in sorted(LINES, key=lambda line: line.number)) + b"]"
DIGEST = hashlib.sha256(LIST).hexdigest()


def receipt(keys: KeyFolder, **other: Any) -> bytes:
    return receipts.make(keys, replace(STATEMENT, **{"list_sha256": DIGEST, "count": len(LINES), **other}))


@pytest.fixture
def command(
    key_folder: KeyFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Runs the command in a place without keys of its own; gives its code and what it said."""
    published = tmp_path / "keys.json"
    published.write_text(json.dumps({"keys": [key_document(key) for key in key_folder.public()]}), "utf-8")

    def run(listed: bytes | None, proof: bytes | None = None) -> tuple[int, str]:
        words: list[str] = ["verify", "--keys", str(published)]
        if listed is not None:
            (tmp_path / "list.json").write_bytes(listed)
            words += ["--list", str(tmp_path / "list.json")]
        if proof is not None:
            (tmp_path / "receipt.json").write_bytes(proof)
            words.append(str(tmp_path / "receipt.json"))
        given: argparse.Namespace = build_parser().parse_args(words)
        code = verify(given, Settings(keys_dir=tmp_path / "none"))
        return code, capsys.readouterr().out

    return run


def test_the_list_of_the_receipt_is_told_whole(
    command: Callable[..., tuple[int, str]], key_folder: KeyFolder
) -> None:
    assert list_digest([line.to_bytes() for line in LINES]).hex() == DIGEST
    code, said = command(LIST, receipt(key_folder))
    assert code == 0
    for line in (
        "文件类型：签发名单",
        "  ✓ 格式正确，共 2 人。",
        "    等级：初级",
        f"    名单摘要（按内容重新计算）：{DIGEST}",
        f"    名单校验码：{DIGEST[:8]}",
        "  ✓ 由本系统的凭据密钥 receipt-1 签名，内容未被改动：",
        "    签发负责人：王签发",
        "  ✓ 凭据签的正是这份名单，摘要和人数都一致。",
        "结论：真实，未被改动。",
    ):
        assert line in said.splitlines()


@pytest.mark.parametrize(
    "changed",
    [b"\xef\xbb\xbf" + LIST, LIST + b"\n", json.dumps(json.loads(LIST), indent=1).encode()],
    ids=["mark", "newline", "written anew"],
)
def test_what_an_editor_does_to_spaces_changes_nothing(
    changed: bytes, command: Callable[..., tuple[int, str]], key_folder: KeyFolder
) -> None:
    code, said = command(changed, receipt(key_folder))
    assert (code, "与原件不同，内容相同" in said) == (0, True)


def test_any_other_list_is_not_the_one_that_was_signed(
    command: Callable[..., tuple[int, str]], key_folder: KeyFolder
) -> None:
    other = LIST.replace("罗佳".encode(), "罗家".encode())
    assert other != LIST
    code, said = command(other, receipt(key_folder))
    assert (code, f"凭据签的是另一份名单（2 人，摘要 {DIGEST}），不是这一份。" in said) == (1, True)
    code, said = command(b"[" + LINES[0].to_bytes() + b"]", receipt(key_folder))
    assert (code, "凭据签的是另一份名单" in said) == (1, True)
    code, said = command(LIST, receipt(key_folder, count=3))
    assert (code, "凭据签的是另一份名单（3 人" in said) == (1, True)


def test_a_receipt_that_is_changed_or_of_a_return_signs_nothing(
    command: Callable[..., tuple[int, str]], key_folder: KeyFolder
) -> None:
    proof = receipt(key_folder)
    code, said = command(LIST, proof.replace(DIGEST.encode(), b"ab" * 32))
    assert (code, "签发凭据无法通过验证：内容被改动，或不是本系统签出的。" in said) == (1, True)
    code, said = command(LIST, receipt(key_folder, action="school_return", reason="名单有误"))
    assert (code, "凭据记载的是退回：院校没有签发这份名单。" in said) == (1, True)


def test_a_list_alone_is_neither_genuine_nor_forged(command: Callable[..., tuple[int, str]]) -> None:
    code, said = command(LIST)
    assert (code, f"名单摘要（按内容重新计算）：{DIGEST}" in said) == (2, True)
    assert "名单本身没有签名" in said and "现在无法判断" in said


def test_a_receipt_by_a_newer_key_cannot_be_judged_now(keys_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    shutil.copytree(keys_dir, folder)
    published = PublishedKeys(KeyFolder(folder, production=False).public())
    rotate(folder, "receipt", organisation=ISSUER)
    found = verify_list(LIST, receipt(KeyFolder(folder, production=False)), published)
    assert (found.is_genuine, found.is_open) == (False, True)


def shaken(**other: Any) -> bytes:
    return json.dumps([{**LINES[0].said(), **other}]).encode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "不是 UTF-8 的 JSON"),
        (b"\xff[", "不是 UTF-8 的 JSON"),
        (b"[" * 100_000, "不是 UTF-8 的 JSON"),
        (b"{}", "应是一个 JSON 数组"),
        (b"[]", "至少一人"),
        (b"[1]", "第 1 人的字段不全"),
        (LIST.replace(b'"name"', b'"name":"a","name"', 1), "有重复的字段"),
        (shaken(extra="1"), "第 1 人的字段不全、有多余的，或不是文字"),
        (shaken(name=3), "第 1 人的字段不全、有多余的，或不是文字"),
        (shaken(name="\ud800"), "第 1 人的编号"),
        (shaken(number="26SPS1000000000"), "第 1 人的编号"),
        (shaken(level="top"), "第 1 人的编号"),
        (shaken(exam_date="2023-9-22"), "第 1 人的编号"),
        (shaken(id_hash="0F" * 16), "第 1 人的编号"),
        (json.dumps(json.loads(LIST)[::-1]).encode(), "没有按证书编号排列"),
        (json.dumps(json.loads(LIST)[:1] * 2).encode(), "出现了两次"),
    ],
)
def test_what_is_no_canonical_list_is_said(
    data: bytes, said: str, command: Callable[..., tuple[int, str]], key_folder: KeyFolder
) -> None:
    code, told = command(data, receipt(key_folder))
    assert code == 1
    assert "✗ 不是规范名单：" in told and said in told
    assert told.splitlines()[-1] == "结论：不能确认，请勿采信。"


def test_nothing_given_or_no_such_file_is_one_sentence(
    command: Callable[..., tuple[int, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(None) == (
        2,
        "无法核验：请给出证书 PDF 或签发凭据的文件名；核对名单用 --list 名单 [凭据]。\n",
    )
    given = build_parser().parse_args(["verify", "--list", str(tmp_path / "missing.json")])
    assert verify(given, Settings(keys_dir=tmp_path)) == 2
    assert capsys.readouterr().out.startswith("无法核验：")
