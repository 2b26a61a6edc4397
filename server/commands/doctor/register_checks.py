"""The register of erasures: whether it is whole in every place, and nobody who was erased is back in the database."""

from __future__ import annotations

import asyncpg

from server.adapters.file_stores import file_store_of, second_register_of
from server.commands import unfinished_restore
from server.commands.doctor.findings import Finding, bad, look, ok
from server.commands.preflight import TROUBLES
from server.domain.privacy import erasure_register, redoing
from server.domain.privacy.erasure_register import Entry
from server.errors import OutsideFailure
from server.models import database
from server.settings import Settings

TITLE = "删除登记"
_ONE_PLACE = (
    "只存在文件存储里：那台机器丢了，备份以后批准的删除就没有人知道。"
    "请把 XCERT_ERASURES_DIR 设为备份那边的一个目录"
)


async def check(settings: Settings) -> Finding:
    """One finding about all of it."""
    second = second_register_of(settings)
    places = [file_store_of(settings), *([second] if second is not None else [])]
    try:
        link = await database.line(settings.session_url)
    except TROUBLES:
        return bad(TITLE, "无法查看，请先解决数据库连接")
    try:
        again = await unfinished_restore.command(settings.session_url)
        wanted = {Entry(**row).key for row in await link.fetch(erasure_register.APPROVED, None)}
        there = [{key async for key in erasure_register.keys_in(place)} for place in places]
        named = [one for one in map(erasure_register.named, set().union(*there)) if one is not None]
        back = await link.fetch(redoing.BACK, *([one[at] for one in named] for at in range(3)))
    except asyncpg.UndefinedTableError:
        return bad(TITLE, "数据库表尚未建立，请运行 xcert migrate")
    except OutsideFailure as failure:
        return bad(TITLE, str(failure))
    finally:
        await link.close()
    if again is not None:
        return bad(TITLE, f"恢复备份还没有做完，服务不会启动，请运行 {again}")
    if back:
        return bad(TITLE, f"{len(back)} 位已删除的人又在数据库里（恢复了备份？），请运行 xcert erasures redo")
    if lacking := max(len(wanted - one) for one in there):
        return bad(TITLE, f"少 {lacking} 条，后台任务每分钟会补；一直这样就运行 xcert erasures redo 看原因")
    if second is None and wanted and settings.is_production:
        return look(TITLE, _ONE_PLACE)
    return ok(TITLE, f"{len(wanted)} 项删除都在登记里，没有人又回到数据库")
