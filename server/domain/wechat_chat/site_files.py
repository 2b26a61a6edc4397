"""The small files by which WeChat proves whose site this is, kept in the file store so that every server shows them.

A domain's file lies at the root; the file of an ordinary-link rule in the LAST sub-directory of the rule's address, so
`/v/` and `/s/` for the two addresses that stand in our QR codes (wechat.md §3.2, §4.4).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from server.domain.ports import FileStore, Services
from server.errors import NotFound, Refused

FOLDERS = ("/", "/v/", "/s/")
LARGEST = 1024  # bytes
_NAME = re.compile(r"[A-Za-z0-9_]{1,100}\.txt")
_INDEX = "wechat-files/index.json"  # a Vault cannot list its keys


@dataclass(frozen=True, slots=True)
class SiteFile:
    """One file: `under` is the folder of the site, `/` for its root."""

    under: str
    name: str

    @property
    def path(self) -> str:
        return self.under + self.name

    @property
    def key(self) -> str:
        return f"wechat-files{self.path}"


def named(under: str, name: str) -> SiteFile:
    """The file of this name in this folder. Raises Refused: file_name, file_folder."""
    if under not in FOLDERS:
        raise Refused("file_folder", f"验证文件只能放在 {'、'.join(FOLDERS)} 之下。")
    if not _NAME.fullmatch(name):
        raise Refused("file_name", "文件名只能由字母、数字和下划线组成，以 .txt 结尾，请用微信下载的原名。")
    return SiteFile(under, name)


async def read(file_store: FileStore, under: str, name: str) -> bytes:
    """The file byte for byte. Raises NotFound for a name that cannot be, too."""
    try:
        return await file_store.get(named(under, name).key)
    except Refused:
        raise NotFound() from None


async def add(file_store: FileStore, under: str, name: str, data: bytes) -> SiteFile:
    """Keep a file, or put another in its place. Raises Refused: file_name, file_folder, file_size."""
    file = named(under, name)
    if not 1 <= len(data) <= LARGEST:
        raise Refused("file_size", f"验证文件应为 1 至 {LARGEST} 字节，请用微信下载的原文件。")
    await file_store.put(file.key, data)
    await _note(file_store, {**await _index(file_store), file.path: len(data)})
    return file


async def remove(file_store: FileStore, under: str, name: str) -> SiteFile:
    """Raises Refused: file_name, file_folder; NotFound file_not_found."""
    file = named(under, name)
    if not await file_store.exists(file.key):
        raise NotFound("file_not_found", f"没有 {file.path}，请用 xcert wechat file list 核对。")
    await file_store.delete(file.key)
    sizes = await _index(file_store)
    await _note(file_store, {path: size for path, size in sizes.items() if path != file.path})
    return file


async def listing(s: Services) -> list[tuple[SiteFile, int]]:
    """Every file that is there, with its size in bytes."""
    files = []
    for path, size in sorted((await _index(s.file_store)).items()):
        under, _, name = path.rpartition("/")
        file = SiteFile(f"{under}/", name)
        if await s.file_store.exists(file.key):
            files.append((file, size))
    return files


async def _index(file_store: FileStore) -> Mapping[str, int]:
    try:
        return dict(json.loads(await file_store.get(_INDEX)))
    except NotFound:
        return {}


async def _note(file_store: FileStore, sizes: Mapping[str, int]) -> None:
    await file_store.put(_INDEX, json.dumps(sizes, sort_keys=True).encode())
