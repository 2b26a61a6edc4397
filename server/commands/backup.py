"""`xcert backup`: the whole state into one new folder, and `xcert migrate`.

Order: the database first, then the files. Files are written before the rows that name them, so that every row of the
dump finds its file. Keys never lie in the backup, for whoever holds both can read identity numbers; the manifest says
which keys belong to it.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from server.adapters import postgres_programs
from server.adapters.clock import SystemClock
from server.adapters.key_life import FILE as LIFE
from server.commands import Impossible, stored_files
from server.commands.datastores import hosts
from server.domain.actor import SYSTEM
from server.domain.audit import audit_log
from server.models import app_role, database
from server.settings import Settings

DUMP = "database.dump"
FILES = "files"
VAULT = "vault"
MANIFEST = "manifest.json"
FORMAT = 1
NOT_STATE = frozenset({"postgres", "redis", "metrics", "service.log", "service.log.1"})
INCOMPLETE = 3  # exit code: the backup is whole, what it was made of was not


def migrate(args: argparse.Namespace, settings: Settings) -> int:
    """Bring the tables up to date, and say what the service's own role may do."""
    with hosts(settings, join=True) as stores:
        asyncio.run(database.migrate(stores.settings.session_url))
        print("数据库表已是最新。")
        if args.app_role:
            try:
                asyncio.run(_allow(stores.settings.session_url, args.app_role))
            except app_role.UnfitRole as unfit:
                raise Impossible(f"{unfit}。") from None
            print(f"角色 {args.app_role} 可以读写业务数据，不能改动审计记录和公开签发日志，不能改表。")
    return 0


async def _allow(url: str, role: str) -> None:
    link = await database.line(url)
    try:
        await app_role.allow(link, role)
    finally:
        await link.close()


def backup(args: argparse.Namespace, settings: Settings) -> int:
    """Write database and files into a new folder, the keys into another; the service may run meanwhile.

    Returns:
        0; 3 when certificates are on record whose PDF is missing or differs, which is said.
    """
    folder = _new_folder(args.folder)
    apart = _new_folder(args.keys) if args.keys is not None else None
    previous = _previous(args.previous)
    with hosts(settings, join=True) as stores:
        state = asyncio.run(_state(stores.settings.session_url))
        try:
            postgres_programs.dump(stores.settings.session_url, folder / DUMP)
        except postgres_programs.ProgramFailed as failed:
            raise Impossible(str(failed)) from None
        copied, marks = _take_files(stores.settings, folder / FILES, previous)
        asyncio.run(_record(stores.settings.session_url, folder))
    if apart is not None:
        for path in key_files(settings.keys_dir):
            shutil.copy2(path, apart / path.name)
    sums = digests(folder, {f"{FILES}/{name}": value for name, value in copied.items()})
    manifest = {
        "format": FORMAT,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "last_audit": state["last_audit"],
        "keys": {path.name: digest(path) for path in key_files(settings.keys_dir) if path.name != LIFE},
        "sha256": sums,
        "marks": marks,
    }
    scratch = folder / f".{MANIFEST}"
    scratch.write_text(json.dumps(manifest, ensure_ascii=False, indent=1), "utf-8")
    scratch.replace(folder / MANIFEST)  # a folder without it is not a whole backup
    _tell(folder, apart, settings.keys_dir)
    return _missing(state["pdfs"], sums)


def _take_files(
    settings: Settings, target: Path, previous: Previous | None
) -> tuple[dict[str, str], dict[str, str]]:
    """The data folder, and the store when it is elsewhere. Returns digests that are known, and the store's marks."""
    store = stored_files.store_elsewhere(settings, settings.data_dir / VAULT)
    shared = copy_files(settings.data_dir, target, previous, leave_out=frozenset({VAULT} if store else ()))
    if store is None:
        return shared, {}
    earlier = previous.files / VAULT if previous is not None else None
    known = previous.stored if previous is not None else stored_files.Saved()
    saved = asyncio.run(stored_files.save(store, target / VAULT, earlier, known))
    return shared | {f"{VAULT}/{key}": value for key, value in saved.sums.items()}, saved.marks


def _tell(folder: Path, apart: Path | None, keys_dir: Path) -> None:
    print(f"备份完成：{folder}（数据库与文件）")
    if apart is None:
        print(
            f"密钥不在这份备份里。请另外保管 {keys_dir}（或用 --keys 目录 另存一份）："
            "没有密钥，备份里的证件号码无法读出，已发证书无法核验。"
        )
    else:
        print(
            f"密钥另存在 {apart}。请与备份分开、加密地保管："
            "谁同时拿到两者，就能读出证件号码并签发证书；丢了密钥，备份就读不出证件号码。"
        )


def _missing(pdfs: Mapping[str, tuple[str, str]], sums: Mapping[str, str]) -> int:
    """Compare the certificates on record with the files; say what is missing."""
    absent = sorted(
        number for key, (number, value) in pdfs.items() if sums.get(f"{FILES}/{VAULT}/{key}") != value
    )
    if not absent:
        return 0
    examples = "、".join(absent[:5]) + (" 等" if len(absent) > 5 else "")
    print(
        f"注意：{len(absent)} 份已发证书的 PDF 不在文件目录里，或内容与记录不符：{examples}。"
        "请从较早的备份找回这些文件。"
    )
    return INCOMPLETE


async def _state(url: str) -> dict[str, Any]:
    """What the dump will hold at least: the last audit entry, and the certificates' files with their digests."""
    link = await database.line(url)
    try:
        last = await link.fetchrow("SELECT id, at FROM audit_entry ORDER BY id DESC LIMIT 1")
        pdfs = await link.fetch(
            "SELECT number, pdf_key, encode(pdf_sha256, 'hex') AS sha256 FROM certificate WHERE pdf_key <> ''"
        )
    except asyncpg.UndefinedTableError:
        raise Impossible("数据库里还没有数据表，没有可以备份的数据；请先运行 xcert migrate。") from None
    finally:
        await link.close()
    return {
        "last_audit": {"id": last["id"], "at": last["at"].isoformat()} if last else None,
        "pdfs": {row["pdf_key"]: (row["number"], row["sha256"]) for row in pdfs},
    }


async def _record(url: str, folder: Path) -> None:
    await database.connect(url, pool=1)
    try:
        await audit_log.record(SystemClock(), SYSTEM, "backup.make", "backup", folder.name[:40])
    finally:
        await database.close()


def _new_folder(path: Path) -> Path:
    folder = path.resolve()
    if folder.exists() and any(folder.iterdir()):
        raise Impossible(f"{folder} 不是空目录，请换一个新目录。")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    return folder


@dataclass(frozen=True, slots=True)
class Previous:
    """An earlier backup: its folder of files, the digests of everything, and what it says of a store elsewhere."""

    files: Path
    sums: Mapping[str, str]
    stored: stored_files.Saved


def _previous(path: Path | None) -> Previous | None:
    """An earlier backup."""
    if path is None:
        return None
    try:
        manifest = json.loads((path / MANIFEST).read_text("utf-8"))
        sums = {name: str(value) for name, value in manifest["sha256"].items()}
    except (OSError, ValueError, KeyError, AttributeError):
        raise Impossible(f"{path} 里没有完整的备份（缺 {MANIFEST}），不能作为上次备份。") from None
    return Previous(path.resolve() / FILES, sums, stored_files.of_manifest(manifest, f"{FILES}/{VAULT}/"))


def key_files(folder: Path) -> list[Path]:
    """Everything in a key folder that is key material."""
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name != "README.md")


def copy_files(
    source: Path,
    target: Path,
    previous: Previous | None = None,
    *,
    leave_out: frozenset[str] = frozenset(),
) -> dict[str, str]:
    """Copy what is state in a data folder: everything but servers, logs and half-written files.

    A file that is in `previous` with the same size and time of change is shared with it: our files are never changed
    in place, only written anew.

    Returns:
        The digests of what was shared, by path; they need not be computed again.
    """
    shared: dict[str, str] = {}

    def ignored(where: str, names: list[str]) -> set[str]:
        left = NOT_STATE | leave_out if Path(where) == source else frozenset()
        return {name for name in names if name.startswith(".") or name in left}

    def take(one: str, to: str) -> str:
        name = Path(one).relative_to(source).as_posix()
        if previous is not None and (sha256 := previous.sums.get(f"{FILES}/{name}")) is not None:
            old = previous.files / name
            if _is_same(Path(one), old):
                try:
                    os.link(old, to)
                    shared[name] = sha256
                    return to
                except OSError:  # another file system: copied then
                    pass
        return str(shutil.copy2(one, to))

    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copytree(source, target, ignore=ignored, dirs_exist_ok=True, copy_function=take)
    return shared


def _is_same(one: Path, other: Path) -> bool:
    try:
        a, b = one.stat(), other.stat()
    except OSError:
        return False
    return (a.st_size, a.st_mtime_ns) == (b.st_size, b.st_mtime_ns)


def digest(path: Path) -> str:
    """SHA-256 of one file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def digests(folder: Path, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """SHA-256 of every file below `folder`, by path; the manifest itself is left out. Those in `known` are not read."""
    sums = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and path.name not in (MANIFEST, f".{MANIFEST}"):
            sums[name] = (known or {}).get(name) or digest(path)
    return sums
