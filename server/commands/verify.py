"""`xcert verify`: what is signed, by which key, and whether it is whole; public keys suffice."""

from __future__ import annotations

import argparse
from functools import partial
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

from server import os_errors
from server.adapters.documents.verify import read_pdf
from server.adapters.keys import KeyFolder, KeysMissing
from server.adapters.published_keys import PublishedKeys
from server.domain.issuance import offline, offline_list
from server.domain.issuance.offline import Judgement, Report
from server.settings import Settings

LARGEST = 64 * 1024 * 1024
LARGEST_KEYS = 1024 * 1024
FETCH_SECONDS = 10


def verify(args: argparse.Namespace, settings: Settings) -> int:
    """Check a certificate PDF or a signing receipt; with `--list` a signed list, against its receipt if there is one.

    Returns:
        0 if it is genuine and whole, 1 if not, 2 if the file or the keys could not be read or do not suffice to judge.
    """
    try:
        if args.list is not None:
            receipt = None if args.file is None else _read(args.file)
            keys = None if receipt is None else _published(args.keys, settings)
            return _exit_code(offline_list.verify_list(_read(args.list), receipt, keys))
        if args.file is None:
            raise ValueError("请给出证书 PDF 或签发凭据的文件名；核对名单用 --list 名单 [凭据]。")
        keys = _published(args.keys, settings)
        data = _read(args.file)
        proof = None if args.proof is None else _read(args.proof)
    except OSError as error:
        print(
            f"无法核验：读不了 {error.filename or args.file}（{os_errors.cause(error)}），请检查路径和权限。"
        )
        return 2
    except (KeysMissing, ValueError) as error:
        print(f"无法核验：{error}")
        return 2
    return _exit_code(offline.verify_file(data, keys, partial(read_pdf, public_keys=keys.public()), proof))


_MARKS = {Judgement.RIGHT: "✓", Judgement.WRONG: "✗", Judgement.UNCLEAR: "?", Judgement.NOTE: " "}


def printed(report: Report) -> str:
    """A line for each finding, and the verdict."""
    lines = [f"  {_MARKS[one.judgement]} {one.text}" for one in report.findings]
    asked_at = [f"    是否已撤销须联网查询：{address}" for address in report.asked_at]
    return "\n".join([report.title, *lines, *asked_at, f"结论：{report.conclusion}"])


def _exit_code(report: Report) -> int:
    print(printed(report))
    if report.is_genuine:
        return 0
    return 2 if report.is_open else 1


def _published(source: str | None, settings: Settings) -> PublishedKeys:
    """From the published keys, a file or its address; else the public halves of this machine's own."""
    if source is None:
        try:
            return PublishedKeys(KeyFolder(settings.keys_dir, production=False).public())
        except KeysMissing:
            raise ValueError(
                "这台机器上没有颁证机构的密钥。请用 --keys 指出公布的公钥：一个文件，"
                "或颁证机构的网址，例如 --keys https://证书网址/.well-known/xcert-keys.json"
            ) from None
    document = _fetched(source) if source.startswith(("https://", "http://")) else Path(source).read_bytes()
    try:
        return PublishedKeys.read(document)
    except ValueError:
        raise ValueError(f"{source} 不是公布的公钥文件（/.well-known/xcert-keys.json）") from None


def _fetched(address: str) -> bytes:
    """The published keys from the issuer's site. Only https proves whose they are; http is for this machine alone."""
    if address.startswith("http://") and urlsplit(address).hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError("公钥只能从 https:// 网址读取，否则无法确认是谁公布的。")
    try:
        with urlopen(address, timeout=FETCH_SECONDS) as answer:  # noqa: S310 -- https, or this machine
            return bytes(answer.read(LARGEST_KEYS))
    except (OSError, HTTPException, ValueError) as error:
        raise ValueError(
            f"读不到 {address}（{type(error).__name__}），请检查网址和网络，或先下载再用文件。"
        ) from None


def _read(path: Path) -> bytes:
    if path.stat().st_size > LARGEST:
        raise ValueError(f"{path} 太大，不是证书、签发凭据或名单")
    return path.read_bytes()
