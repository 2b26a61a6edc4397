"""`xcert log monitor`: follow a public log from outside, with no more than its address and its keys.

What was seen last is kept in a file: the signed head, and the roots of the perfect subtrees, out of which the tree grows on.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import json
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from server.domain.public_log import merkle
from server.domain.public_log.log_entry import read_entry
from server.domain.public_log.merkle import Node
from server.domain.public_log.signed_note import Checkpoint, Note, VerifierKey, read_checkpoint, read_note
from server.domain.public_log.tile_layout import WIDTH, Tile, unbundle
from server.settings import Settings

SECONDS = 20.0
LARGEST = 1024 * 1024  # bytes of any file of a log of ours


class Contradicted(Exception):
    """What the log shows cannot be true together with what it signed before."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen last. `peaks`: the nodes of the tree of `size`, left to right."""

    keys: tuple[str, ...]
    note: str
    size: int
    peaks: tuple[bytes, ...]


def monitor(args: argparse.Namespace, settings: Settings) -> int:
    """Look at the log once.

    Returns:
        0: it has only grown; 1: it contradicts itself, keep what is told; 2: nothing could be judged.
    """
    path: Path = args.state
    try:
        seen = _kept(path, tuple(args.key))
        now = look(args.url.rstrip("/"), seen)
    except Contradicted as error:
        print(f"✗ {error}\n请保留 {path} 和现在看到的检查点，并告诉颁证机构和别的监督者。")
        return 1
    except (OSError, HTTPException, ValueError) as error:
        print(f"? 没有看成：{error}")
        return 2
    path.with_name(f".{path.name}.new").write_text(_written(now), "utf-8")
    path.with_name(f".{path.name}.new").replace(path)
    origin = read_checkpoint(read_note(now.note.encode())).origin
    print(f"✓ {origin}：{now.size} 条，比上次多 {now.size - seen.size} 条，没有改动过以前的。")
    return 0


def look(url: str, seen: Seen) -> Seen:
    """What is there now. Raises Contradicted; OSError and ValueError when it cannot be judged."""
    note = read_note(_fetched(f"{url}/checkpoint"))
    head = read_checkpoint(note)
    _check_signed(note, head, [VerifierKey.read(key) for key in seen.keys])
    if seen.note and read_checkpoint(read_note(seen.note.encode())).origin != head.origin:
        raise Contradicted(f"这是另一份日志（{head.origin}）。")
    if head.size < seen.size:
        raise Contradicted(f"日志变短了：上次 {seen.size} 条，现在 {head.size} 条。")
    nodes = dict(zip(merkle.pieces(0, seen.size), seen.peaks, strict=True))
    for index in range(seen.size // WIDTH, -(-head.size // WIDTH)):
        width = min(WIDTH, head.size - index * WIDTH)
        for place, entry in enumerate(_bundle(url, index, width), index * WIDTH):
            if place >= seen.size:
                _grow(nodes, place, entry)
    peaks = tuple(nodes[node] for node in merkle.pieces(0, head.size))
    if merkle.fold(peaks) != head.root:
        raise Contradicted(f"日志的 {head.size} 条与签名的树根不符：以前的内容被改动过，或有两个版本。")
    return Seen(seen.keys, str(note), head.size, peaks)


def _grow(nodes: dict[Node, bytes], place: int, entry: bytes) -> None:
    """One leaf more; of the nodes only those are kept that a larger tree needs."""
    try:
        read_entry(entry)
    except ValueError:
        raise Contradicted(f"第 {place + 1} 条不是这份日志应有的格式。") from None
    level, value = 0, merkle.leaf_hash(entry)
    while place >> level & 1:
        value = merkle.node_hash(nodes.pop((level, (place >> level) - 1)), value)
        level += 1
    nodes[level, place >> level] = value


def _bundle(url: str, index: int, width: int) -> list[bytes]:
    try:
        data = _fetched(f"{url}/tile/{Tile(-1, index, width).path}")
    except HTTPError as error:
        if error.code != 404 or width == WIDTH:
            raise
        data = _fetched(f"{url}/tile/{Tile(-1, index, WIDTH).path}")  # it has become full meanwhile
    entries = unbundle(data)[:width]
    if len(entries) != width:
        raise Contradicted(f"条目文件 {Tile(-1, index, width).path} 不完整。")
    return entries


def _check_signed(note: Note, head: Checkpoint, keys: list[VerifierKey]) -> None:
    found = 0
    for key in keys:
        for one in note.signatures:
            if not one.is_by(key) or key.name != head.origin:
                continue
            try:
                Ed25519PublicKey.from_public_bytes(key.raw).verify(one.data, note.text.encode())
            except InvalidSignature:
                raise Contradicted("检查点的签名不对。") from None
            found += 1
    if not found:
        raise Contradicted("检查点不是你指定的密钥签的。")


def _fetched(url: str) -> bytes:
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"请写日志的网址（https://…/log）：{url}")
    with urlopen(Request(url), timeout=SECONDS) as answer:  # noqa: S310 -- https or http, as it was asked for
        data = bytes(answer.read(LARGEST + 1))
    if len(data) > LARGEST:
        raise ValueError(f"{url} 太大")
    return data


def _kept(path: Path, keys: tuple[str, ...]) -> Seen:
    if not path.exists():
        if not keys:
            raise ValueError("第一次请用 --key 写明日志的公钥行（从可信的来源抄下，xcert log key 会打印）")
        return Seen(keys, "", 0, ())
    try:
        said: dict[str, Any] = json.loads(path.read_text("utf-8"))
        peaks = tuple(base64.b64decode(one) for one in said["peaks"])
        return Seen(tuple(said["keys"]) + keys, str(said["note"]), int(said["size"]), peaks)
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise ValueError(f"{path} 不是上次留下的记录") from None


def _written(seen: Seen) -> str:
    peaks = [base64.b64encode(one).decode() for one in seen.peaks]
    said = {"keys": list(dict.fromkeys(seen.keys)), "note": seen.note, "size": seen.size, "peaks": peaks}
    return json.dumps(said, ensure_ascii=False, indent=1)
