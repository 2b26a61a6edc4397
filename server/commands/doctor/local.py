"""This machine: settings, database, Redis, keys, workers, fonts and disk."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Awaitable, Callable

import asyncpg

from server import start_cautions
from server.adapters import cache, keys
from server.adapters.documents import font
from server.adapters.spreadsheets import process as tables
from server.commands.doctor import connection_checks, file_checks, register_checks, seal_checks
from server.commands.doctor.findings import Finding, Level, bad, look, ok
from server.commands.preflight import TROUBLES, hopeless, is_pooled, tls_trouble
from server.errors import Refused
from server.models import app_role, database
from server.settings import Settings

RARE = "䶮㛃𠮷"
_LEAST_FREE_BYTES = 1_000_000_000
_SILENCE_SECONDS = 90


class Missing(Exception):
    """Something is not there; the message says what to do."""


Check = Callable[[Settings], Awaitable[str]]
_TRAIL_OPEN = (
    "服务用的数据库角色就是数据表的所有者，可以停掉触发器、改动审计记录；请另建一个角色给服务用，"
    "并以所有者运行 xcert migrate --app-role 角色"
)
NEEDED_FOR_MORE = frozenset(
    {"数据库", "数据库表", "Redis", "密钥"}
)  # without these nothing else can be looked at


async def check(settings: Settings) -> list[Finding]:
    """One finding for each thing."""
    findings = [look("设置", caution) for caution in start_cautions.cautions(settings)]
    for title, one in CHECKS.items():
        try:
            findings.append(ok(title, await one(settings)))
        except Missing as missing:
            findings.append(bad(title, str(missing)))
        if title == "数据库":
            findings.append(await connection_checks.check(settings))
        if title == "数据目录":
            findings.append(await file_checks.check(settings))
            findings.append(await register_checks.check(settings))
        if title == "数据库表" and settings.is_production and await _may_change_the_trail(settings):
            findings.append(look("审计", _TRAIL_OPEN))
        if title == "密钥" and findings[-1].level is Level.OK:
            findings.append(await seal_checks.check(settings))
            if (warning := seal_checks.check_files(settings)) is not None:
                findings.append(warning)
    return findings


async def _may_change_the_trail(settings: Settings) -> bool:
    try:
        link = await database.line(settings.session_url)
    except TROUBLES:
        return False  # told already
    try:
        return await app_role.may_change_what_is_for_ever(link)
    except asyncpg.UndefinedTableError:
        return False
    finally:
        await link.close()


async def _settings(settings: Settings) -> str:
    kind = "生产环境" if settings.is_production else "开发环境"
    return f"{kind}，对外网址 {settings.public_url}{'，微信沙箱' if settings.uses_sandbox else ''}"


async def _database(settings: Settings) -> str:
    version = await _version(settings.session_url, settings.session_url_name)
    if not settings.database_session_url:
        return f"PostgreSQL {version}"
    way = database.Way(settings.database_url, through_pgbouncer=True)
    await _version(way, "XCERT_DATABASE_URL")
    return f"PostgreSQL {version}，直连和经过 PgBouncer 都通"


async def _version(way: database.Way | str, setting: str) -> str:
    try:
        link = await database.line(way)
    except TROUBLES as error:
        words = tls_trouble(error) or hopeless(error) or type(error).__name__
        raise Missing(f"连接不上（{words}），请检查 {setting}") from None
    try:
        if setting == "XCERT_DATABASE_URL" and isinstance(way, str) and await is_pooled(link):
            raise Missing(
                "XCERT_DATABASE_URL 经过 PgBouncer 之类的连接池，请另填 XCERT_DATABASE_SESSION_URL（直连 PostgreSQL 的地址）"
            )
        return str(await link.fetchval("SHOW server_version"))
    finally:
        await link.close()


async def _migrations(settings: Settings) -> str:
    try:
        missing = await database.pending(settings.session_url)
        link = await database.line(settings.session_url)
    except TROUBLES as error:
        raise Missing(f"无法查看（{type(error).__name__}），请先解决数据库连接") from None
    try:
        unknown = await database.newer(link)
    finally:
        await link.close()
    if unknown:
        raise Missing(database.about_unknown(unknown))
    if missing:
        raise Missing(f"有 {len(missing)} 个升级未执行（{missing[0]}…），请运行 xcert migrate")
    return "已是最新"


async def _redis(settings: Settings) -> str:
    client = cache.connect(settings.redis_url, certificates=settings.redis_certificates)
    try:
        version = (await client.info("server"))["redis_version"]
    except Exception as error:
        why = "加密连接没有建成" if "SSL" in str(error) else type(error).__name__
        raise Missing(f"连接不上（{why}），请检查 XCERT_REDIS_URL") from None
    finally:
        await client.aclose()
    return f"Redis {version}{'，经过哨兵' if 'sentinel' in settings.redis_url.partition(':')[0] else ''}"


async def _keys(settings: Settings) -> str:
    try:
        folder = keys.KeyFolder(settings.keys_dir, production=settings.is_production)
    except keys.KeysMissing as error:
        raise Missing("；".join(str(error).splitlines())) from None
    return (
        f"{len(keys.listing(settings.keys_dir))} 份，公钥 {len(folder.public())} 把，位于 {settings.keys_dir}"
    )


async def _workers(settings: Settings) -> str:
    try:
        link = await database.line(settings.session_url)
    except TROUBLES:
        raise Missing("无法查看，请先解决数据库连接") from None
    try:
        living = await link.fetchval(
            "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => $1)",
            float(_SILENCE_SECONDS),
        )
        failed = await link.fetchval("SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed'")
    except asyncpg.UndefinedTableError:
        raise Missing("数据库表尚未建立，请运行 xcert migrate") from None
    finally:
        await link.close()
    if not living:
        raise Missing("没有正在运行的后台任务进程，请启动 xcert worker（开发环境用 make serve）")
    return f"{living} 个进程在运行" + (f"，另有 {failed} 个失败的任务" if failed else "")


async def _fonts(settings: Settings) -> str:
    """The shipped font, the added ones, and whose names cannot be printed with all of them."""
    if not font.FILE.is_file():
        raise Missing(f"证书字体 {font.FILE} 不存在，请重新安装")
    missing = font.missing(RARE)
    if missing:
        raise Missing(f"证书字体缺少生僻字 {missing}，请换用完整的字体")
    fonts = font.Fonts(settings.fonts_dir)
    if bad_ones := [f"{one.path.name}：{one.problem}" for one in fonts.added if one.problem]:
        raise Missing("；".join(bad_ones))
    added = "".join(f"，{one.path.name} 补 {len(one.characters)} 字" for one in fonts.usable)
    if lacking := fonts.missing(await _characters_of_names(settings)):
        codes = "、".join(f"{one}（U+{ord(one):04X}）" for one in lacking[:20])
        raise Missing(
            f"{len(lacking)} 个姓名用字印不出，有关考生的证书会被留下：{codes}。"
            "请把含这些字的字体放进补充字体目录（XCERT_FONTS_DIR），重启后台任务"
        )
    return f"{font.FILE.name}{added}，可印生僻字 {RARE}"


async def _characters_of_names(settings: Settings) -> str:
    """Every character that stands in a candidate's name, once; "" without a database."""
    try:
        link = await database.line(settings.session_url)
    except TROUBLES:
        return ""
    try:
        rows = await link.fetch("SELECT DISTINCT regexp_split_to_table(name, '') AS one FROM candidate")
    except asyncpg.UndefinedTableError:
        return ""
    finally:
        await link.close()
    return "".join(sorted(row["one"] for row in rows))


async def _storage(settings: Settings) -> str:
    folder = settings.data_dir
    if not os.access(folder, os.W_OK):
        raise Missing(f"{folder} 不可写，请检查目录权限或 XCERT_DATA_DIR")
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE_BYTES:
        raise Missing(f"{folder} 所在磁盘只剩 {free // 1_000_000} MB，请清理或扩容")
    return f"{folder}，可用 {free // 1_000_000_000} GB"


async def _tables(settings: Settings) -> str:
    """Whether the process that reads foreign tables can be started here, with its limits and without our surroundings."""
    try:
        [sheet] = await asyncio.to_thread(lambda: list(tables.read("姓名,成绩\n甲,60\n".encode())))
    except (Refused, OSError):
        raise Missing(
            f"读取导入表格的子进程启动不了（{sys.executable} -m server.adapters.spreadsheets.reader），请检查 Python 的安装和内存限制"
        ) from None
    return f"子进程读得了（试读 {len(sheet.rows)} 行）"


async def _notices(settings: Settings) -> str:
    """Whether notices go out, or are kept back after a restore."""
    try:
        link = await database.line(settings.session_url)
    except TROUBLES:
        raise Missing("无法查看，请先解决数据库连接") from None
    try:
        reason = await link.fetchval("SELECT reason FROM notice_hold")
    except asyncpg.UndefinedTableError:
        raise Missing("数据库表尚未建立，请运行 xcert migrate") from None
    finally:
        await link.close()
    if reason is not None:
        raise Missing(f"已暂停发送（{reason}），核对后运行 xcert notices release")
    return "正常发送"


CHECKS: dict[str, Check] = {
    "设置": _settings,
    "数据库": _database,
    "数据库表": _migrations,
    "Redis": _redis,
    "密钥": _keys,
    "后台任务": _workers,
    "证书字体": _fonts,
    "数据目录": _storage,
    "通知": _notices,
    "导入表格": _tables,
}
