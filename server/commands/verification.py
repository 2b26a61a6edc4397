"""`xcert verify`: what is signed, by which key, and whether it is whole; public keys suffice."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from server.domain import offline
from server.machinery.documents.verify import read_pdf
from server.machinery.keys import KeyFolder, KeysMissing
from server.machinery.published_keys import PublishedKeys
from server.settings import Settings

LARGEST = 64 * 1024 * 1024


def verify(given: argparse.Namespace, settings: Settings) -> int:
    """Check a certificate PDF or a signing receipt.

    Returns:
        0 if it is genuine and whole, 1 if not, 2 if the file or the keys could not be read.
    """
    try:
        keys = _published(given.keys, settings)
        data = _read(given.file)
    except (KeysMissing, ValueError, OSError) as error:
        print(f"无法核验：{error}")
        return 2
    report = offline.verify_file(data, keys, partial(read_pdf, public_keys=keys.public()))
    print(report)
    return 0 if report.is_genuine else 1


def _published(path: Path | None, settings: Settings) -> PublishedKeys:
    """From the file of published keys; else the public halves of this machine's own."""
    if path is None:
        return PublishedKeys(KeyFolder(settings.keys_dir, production=False).public())
    try:
        return PublishedKeys.read(path.read_bytes())
    except ValueError:
        raise ValueError(f"{path} 不是公布的公钥文件（/.well-known/xcert-keys.json）") from None


def _read(path: Path) -> bytes:
    if path.stat().st_size > LARGEST:
        raise ValueError(f"{path} 太大，不是证书或签发凭据")
    return path.read_bytes()
