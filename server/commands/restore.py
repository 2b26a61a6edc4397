"""`xcert restore`: a backup becomes the whole state again. The service must not run meanwhile.

Order: all files are laid ready beside the old ones; the database changes in one transaction; then the files and keys
take their places, which only renames and cannot lack room. Whatever fails before the transaction's end leaves everything
as it was; after it, the same command may be run again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from server.adapters import cache, postgres_programs
from server.adapters.clock import SystemClock
from server.adapters.key_life import FILE as LIFE
from server.commands import Impossible, erasures, stored_files, trial_restore, unfinished_restore
from server.commands.backup import (
    DUMP,
    FILES,
    FORMAT,
    MANIFEST,
    VAULT,
    copy_files,
    digest,
    digests,
    key_files,
)
from server.commands.datastores import hosts
from server.commands.restored_state import DatabaseState, after_loading
from server.domain.actor import SYSTEM
from server.domain.audit import audit_log
from server.domain.notices import hold
from server.domain.ports import FileStore
from server.domain.privacy.redoing import Redone, Unfinished
from server.errors import OutsideFailure, XcertError
from server.models import database
from server.settings import Settings

PUBLISHED = "vault/log"  # the public log of issuing: only what is missing comes from the backup
READY = ".restoring"  # in the data folder: files of the backup before they take their places
_LEAST_SERVER = 15


def restore(args: argparse.Namespace, settings: Settings) -> int:
    """Check the backup, then put back files, database and keys; may be run again after a kill.

    With `--trial` only look whether that would go well.
    """
    folder: Path = args.folder.resolve()
    manifest = _checked(folder)
    target = settings.keys_dir.resolve()
    source = args.keys.resolve() if args.keys is not None else target
    _check_keys(source, manifest["keys"])
    if args.trial:
        return trial_restore.trial(folder, manifest, source, settings)
    backups = _beside(folder)
    with hosts(_direct(settings), join=False) as stores:
        url, data = stores.settings.session_url, stores.settings.data_dir
        state = asyncio.run(_check_target(url, manifest, replace=args.replace))
        _check_other_keys(source, target, replace=args.replace)
        store = stored_files.store_elsewhere(stores.settings, data / VAULT)
        _lay_ready(folder / FILES, data / READY, store)
        after = after_loading(state, skip=args.skip_numbers, now=datetime.now(UTC))
        after += unfinished_restore.mark(_once_more(folder, args.keys))
        try:
            postgres_programs.load(
                url,
                folder / DUMP,
                server_version=state.server_version,
                before="DROP SCHEMA public CASCADE;\nCREATE SCHEMA public;",
                after=after,
            )
        except postgres_programs.ProgramFailed as failed:
            shutil.rmtree(data / READY, ignore_errors=True)
            raise Impossible(f"{failed}\n数据库、文件和密钥都没有改动。") from None
        _take_places(data / READY, data)
        _put_into(store, folder / FILES / VAULT)
        _put_keys(source, target)
        asyncio.run(_finish(url, manifest))
        asyncio.run(
            cache.forget(stores.settings.redis_url, certificates=stores.settings.redis_certificates)
        )  # answers of a time that is gone
        asyncio.run(unfinished_restore.only_erasures(url, _redo(backups)))
        done = _erase_again(stores.settings, backups)
        asyncio.run(unfinished_restore.end(url))
    print(f"恢复完成，数据来自 {manifest['made_at']} 的备份。")
    _tell(state, args.skip_numbers)
    erasures.tell(done)
    return 0


def _direct(settings: Settings) -> Settings:
    """Everything past a PgBouncer: that is held still meanwhile, and the role of the service has no rights in new tables yet."""
    return replace(settings, database_url=settings.session_url, database_session_url="")


def _once_more(folder: Path, keys: Path | None) -> str:
    """The command that goes on with this restore, wherever it died."""
    words = [folder, "--replace", *(("--keys", keys.resolve()) if keys is not None else ())]
    return " ".join(["xcert restore", *(shlex.quote(str(one)) for one in words)])


def _redo(backups: Sequence[Path]) -> str:
    """The command that goes on with the erasures."""
    return " ".join(["xcert erasures redo", *(shlex.quote(str(one)) for one in backups)])


def _beside(folder: Path) -> list[Path]:
    """This backup and those in the same folder; whatever else lies there, readable or not, is passed over."""
    found = {folder}
    with suppress(OSError):
        for one in folder.parent.iterdir():
            with suppress(OSError):
                if (one / MANIFEST).is_file():
                    found.add(one)
    return sorted(found)


def _erase_again(settings: Settings, backups: Sequence[Path]) -> list[Redone]:
    """Whoever was erased after the backup was made is erased again before anybody may see them. Raises Impossible.

    The register is what the files' store, its second place, this backup and those beside it hold together.
    """
    try:
        return asyncio.run(erasures.after_restore(settings, backups))
    except Unfinished as unfinished:
        erasures.tell(unfinished.done)
        why = str(unfinished)
    except Exception as error:  # the data are changed by now: whatever it is, the operator hears what to do
        why = str(error) if isinstance(error, XcertError) else type(error).__name__
    raise Impossible(
        f"数据已经恢复，备份之后批准的删除还没有全部重做：{why}。\n"
        f"请解决后运行 {_redo(backups)}；完成之前不要启动服务。"
    )


def _tell(state: DatabaseState, skip: int) -> None:
    if state.is_later:
        print("证书编号接着现有数据库继续，备份之后发出的编号不会重复。")
    else:
        print(
            f"现有数据库接不上这份备份：每种证书的编号已跳过 {skip} 个，以免与备份之后发出的编号重复。"
            "如果备份之后发出的证书可能更多，请先停止签发并联系技术人员。"
        )
    print(
        "通知已暂停发送：备份时尚未发出的通知可能早已发出，记为“未知”，不再发送。"
        "核对无误后运行 xcert notices release 恢复发送。"
    )


def _checked(folder: Path) -> dict[str, Any]:
    """The manifest, after every file was found whole."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        raise Impossible(f"{folder} 里没有完整的备份（缺 {MANIFEST}），请换一份。") from None
    if manifest.get("format") != FORMAT:
        raise Impossible("这份备份的格式与当前版本不符，请用当时的版本恢复。")
    sums = digests(folder)
    broken = sorted(name for name, value in manifest["sha256"].items() if sums.get(name) != value)
    if broken:
        raise Impossible(f"备份里有 {len(broken)} 个文件缺失或损坏（如 {broken[0]}），请换一份备份。")
    return manifest


def _check_keys(folder: Path, expected: dict[str, str]) -> None:
    """The keys of that time must be there: without them the data cannot be read."""
    for name, value in expected.items():
        path = folder / name
        if not path.is_file() or digest(path) != value:
            raise Impossible(
                f"{folder} 里缺少这份备份当时的密钥 {name}（或内容不同）。"
                "请用 --keys 目录 指出另外保管的密钥，再恢复。"
            )


async def _check_target(url: str, manifest: dict[str, Any], *, replace: bool) -> DatabaseState:
    """What is in the database now. Raises Impossible when it must not be replaced."""
    link = await database.line(url)
    try:
        version = int(await link.fetchval("SHOW server_version_num")) // 10000
        if version < _LEAST_SERVER:
            raise Impossible(f"数据库是 PostgreSQL {version}，需要 {_LEAST_SERVER} 或更新的版本。")
        others = await link.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        if others:
            raise Impossible("还有程序连接着这个数据库，请先停止网页服务和后台任务，再恢复。")
        if not await link.fetchval("SELECT to_regclass('audit_entry') IS NOT NULL"):
            return DatabaseState(version)
        if not replace and await link.fetchval("SELECT EXISTS (SELECT 1 FROM audit_entry)"):
            raise Impossible("数据库里已有数据。确认要用备份覆盖时，请加 --replace。")
        return await _state(link, version, manifest.get("last_audit"))
    finally:
        await link.close()


async def _state(link: Any, version: int, last_audit: dict[str, Any] | None) -> DatabaseState:
    """The numbers given so far, and whether this database went on from where the backup was made."""
    series = {
        row["prefix"]: row["given"] for row in await link.fetch("SELECT prefix, given FROM number_series")
    }
    is_later = last_audit is not None and await link.fetchval(
        "SELECT EXISTS (SELECT 1 FROM audit_entry WHERE id = $1 AND at = $2)",
        last_audit["id"],
        datetime.fromisoformat(last_audit["at"]),
    )
    return DatabaseState(version, series, bool(is_later))


def _check_other_keys(source: Path, target: Path, *, replace: bool) -> None:
    others = _others(source, target)
    if others and not replace:
        raise Impossible(
            f"{target} 里已有别的密钥（如 {others[0].name}）。确认要换成备份的密钥时，请加 --replace。"
        )


def _others(source: Path, target: Path) -> list[Path]:
    """Keys in `target` that are not those of `source`."""
    if source == target or not target.is_dir():
        return []
    mine = {path.name: digest(path) for path in key_files(source)}
    keys = [path for path in key_files(target) if path.name != LIFE]
    return [path for path in keys if mine.get(path.name) != digest(path)]


def _lay_ready(source: Path, ready: Path, store: FileStore | None) -> None:
    """Copy the backup's files beside the old ones; what a kill left there is thrown away.

    Args:
        store: where files are kept, when that is not in the data folder; it gets what it lacks.
    """
    shutil.rmtree(ready, ignore_errors=True)
    try:
        copy_files(source, ready, leave_out=frozenset({VAULT} if store else ()))
        if store is not None:
            asyncio.run(stored_files.put_missing(store, source / VAULT))
    except (OSError, shutil.Error, OutsideFailure) as error:
        shutil.rmtree(ready, ignore_errors=True)
        raise Impossible(f"备份的文件没有复制成功，什么都没有改动：{error}") from None


def _put_into(store: FileStore | None, source: Path) -> None:
    """The rest of what a store elsewhere gets: files that are others than those of the backup."""
    if store is None:
        return
    try:
        asyncio.run(stored_files.put_back(store, source))
    except OutsideFailure as failure:
        raise Impossible(
            f"数据库已经恢复，文件还没有放完：{failure}\n请解决后加 --replace 再运行一次同样的命令，完成之前不要启动服务。"
        ) from None


def _take_places(ready: Path, data: Path) -> None:
    for path in sorted(ready.rglob("*")):
        place = data / path.relative_to(ready)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
        elif path.is_relative_to(ready / PUBLISHED) and place.exists():
            continue  # what was published of the log since the backup is never taken back
        else:
            path.replace(place)
    shutil.rmtree(ready, ignore_errors=True)


def _put_keys(source: Path, target: Path) -> None:
    """Make `target` hold the keys of the backup; others are laid aside, for their epochs would count as the newest."""
    if source == target:
        return
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    others = _others(source, target)
    if others:
        aside = target / f"before-restore-{datetime.now(UTC):%Y%m%dT%H%M%S}"
        aside.mkdir(mode=0o700)
        for path in (*others, target / LIFE):
            if path.exists():
                path.replace(aside / path.name)
        print(f"原来的密钥移到了 {aside}。")
    for path in key_files(source):
        if path.name == LIFE and (target / LIFE).exists():
            continue  # of the same keys, and newer: what was retired since stays retired
        scratch = target / f".{path.name}"
        shutil.copy2(path, scratch)
        scratch.replace(target / path.name)


async def _finish(url: str, manifest: dict[str, Any]) -> None:
    """Bring the tables up to date, keep notices back, and write down what was done."""
    await database.migrate(url)
    await database.connect(url, pool=1)
    clock = SystemClock()
    try:
        made_at = str(manifest["made_at"])
        await hold.begin(clock, f"从 {made_at} 的备份恢复", actor=SYSTEM)
        became = {"made_at": made_at}
        await audit_log.record(clock, SYSTEM, "backup.restore", "backup", made_at[:40], became=became)
    finally:
        await database.close()
