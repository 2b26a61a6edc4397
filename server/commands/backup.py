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
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from server.commands import Impossible
from server.commands.hosting import hosts
from server.machinery import embedded
from server.records import database
from server.settings import Settings

DUMP = "database.dump"
FILES = "files"
MANIFEST = "manifest.json"
FORMAT = 1
NOT_STATE = frozenset({"postgres", "redis", "metrics", "service.log", "service.log.1"})


def migrate(_: argparse.Namespace, settings: Settings) -> int:
    """Bring the tables up to date."""
    with hosts(settings, join=True) as found:
        asyncio.run(database.migrate(found.settings.database_url))
    print("数据库表已是最新。")
    return 0


def backup(given: argparse.Namespace, settings: Settings) -> int:
    """Write database and files into a new folder, the keys into another; the service may run meanwhile."""
    folder = _new_folder(given.folder)
    apart = _new_folder(given.keys) if given.keys is not None else None
    with hosts(settings, join=True) as found:
        dump = ["--format=custom", "--no-owner", "--no-privileges", f"--file={folder / DUMP}"]
        run_program("pg_dump", dump, found.settings.database_url)
        copy_files(found.settings.data_dir, folder / FILES)
    if apart is not None:
        for path in key_files(settings.keys_dir):
            shutil.copy2(path, apart / path.name)
    manifest = {
        "format": FORMAT,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "keys": {path.name: digest(path) for path in key_files(settings.keys_dir)},
        "sha256": digests(folder),
    }
    scratch = folder / f".{MANIFEST}"
    scratch.write_text(json.dumps(manifest, ensure_ascii=False, indent=1), "utf-8")
    scratch.replace(folder / MANIFEST)  # a folder without it is not a whole backup
    print(f"备份完成：{folder}（数据库与文件）")
    if apart is None:
        print(
            f"密钥不在这份备份里。请另外保管 {settings.keys_dir}（或用 --keys 目录 另存一份）："
            "没有密钥，备份里的证件号码无法读出，已发证书无法核验。"
        )
    else:
        print(
            f"密钥另存在 {apart}。请与备份分开、加密地保管："
            "谁同时拿到两者，就能读出证件号码并签发证书；丢了密钥，备份就读不出证件号码。"
        )
    return 0


def _new_folder(path: Path) -> Path:
    folder = path.resolve()
    if folder.exists() and any(folder.iterdir()):
        raise Impossible(f"{folder} 不是空目录，请换一个新目录。")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    return folder


def key_files(folder: Path) -> list[Path]:
    """Everything in a key folder that is key material."""
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name != "README.md")


def copy_files(source: Path, target: Path) -> None:
    """Copy what is state in a data folder: everything but servers, logs and half-written files."""

    def leave_out(where: str, names: list[str]) -> set[str]:
        at_top = Path(where) == source
        return {name for name in names if name.startswith(".") or (at_top and name in NOT_STATE)}

    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copytree(source, target, ignore=leave_out, dirs_exist_ok=True)


def digest(path: Path) -> str:
    """SHA-256 of one file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder`, by path; the manifest itself is left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and path.name not in (MANIFEST, f".{MANIFEST}"):
            found[name] = digest(path)
    return found


def run_program(name: str, arguments: list[str], url: str) -> None:
    """Run a program of PostgreSQL against `url`; the password goes by the environment, not by the command line.

    Raises: Impossible with the program's own last words.
    """
    parts = urlsplit(url)
    environment = {
        "PATH": os.defpath,
        "LC_ALL": "C.UTF-8",
        "PGHOST": parts.hostname or "127.0.0.1",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": parts.path.lstrip("/"),
    }
    done = subprocess.run(  # noqa: S603 -- the wheel's own program
        [str(embedded.postgres_program(name)), "--no-password", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Impossible(f"{name} 没有成功，请根据以下信息处理后重试：\n{done.stderr.strip()[-1500:]}")
