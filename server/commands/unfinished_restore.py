"""The mark of a restore that is under way, in the database itself: it comes with the loading, in its transaction, and goes last.

As long as it is there neither web nor job processes start, on whatever machine: people who were erased after the backup
was made may still be in the tables.
"""

from __future__ import annotations

import asyncio

from server.commands import Impossible
from server.models import database

_THERE = "SELECT to_regclass('public.restore_unfinished') IS NOT NULL"
_MARK = """
CREATE TABLE IF NOT EXISTS public.restore_unfinished (again text NOT NULL, only_erasures boolean NOT NULL DEFAULT FALSE);
TRUNCATE public.restore_unfinished;
INSERT INTO public.restore_unfinished (again) VALUES ({again});
GRANT SELECT ON public.restore_unfinished TO PUBLIC;
"""


def mark(again: str) -> str:
    """SQL to be run after the dump, in its transaction.

    Args:
        again: the command that goes on, should this one die.
    """
    quoted = again.replace("'", "''")
    return _MARK.format(again=f"'{quoted}'")


async def only_erasures(url: str, again: str) -> None:
    """Files, keys and tables are in place; what is left are the erasures of after the backup, by the command `again`."""
    link = await database.line(url)
    try:
        await link.execute("UPDATE restore_unfinished SET only_erasures = TRUE, again = $1", again)
    finally:
        await link.close()


async def command(url: str) -> str | None:
    """The command that goes on with a restore that is under way; None: there is none."""
    link = await database.line(url)
    try:
        if not await link.fetchval(_THERE):
            return None
        return str(await link.fetchval("SELECT again FROM restore_unfinished"))
    finally:
        await link.close()


async def end(url: str) -> str | None:
    """The erasures are done: the mark goes, and the service may start. Safe to repeat.

    Returns: the command that is to be run first, when more than the erasures is left.
    """
    link = await database.line(url)
    try:
        if not await link.fetchval(_THERE):
            return None
        if not await link.fetchval("SELECT only_erasures FROM restore_unfinished"):
            return str(await link.fetchval("SELECT again FROM restore_unfinished"))
        await link.execute("DROP TABLE IF EXISTS restore_unfinished")
        return None
    finally:
        await link.close()


def require_finished(url: str) -> None:
    """Raises Impossible: a restore is under way, or died."""
    if (again := asyncio.run(command(url))) is not None:
        raise Impossible(f"恢复备份还没有做完，已删除的人可能还在数据库里，所以不启动。请先运行 {again}")
