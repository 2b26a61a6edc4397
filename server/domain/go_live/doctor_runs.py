"""体检: the doctor is asked for in the console and runs as a job, never within a request; its last answer is kept."""

from __future__ import annotations

from datetime import timedelta

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.ports import Services
from server.domain.ports.doctor import Examined
from server.domain.roles import Verb
from server.errors import Conflict, OutsideFailure
from server.models import DoctorRun
from server.models.database import breaks

JOB = "go_live.examine"
LONGEST = timedelta(minutes=5)  # after that the run, or its job, is dead
KEPT = timedelta(days=30)


async def ask(s: Services, *, actor: Actor) -> int:
    """Ask for a run; its number. Raises Forbidden: role_not_allowed. Conflict: doctor_busy."""
    roles.require(actor, Verb.CHECK_UP)
    try:
        async with in_transaction():
            run_id = await _begin(s, actor.name)
            await audit_log.record(s.clock, actor, "doctor.ask", "doctor", run_id)
            await s.queue.put(JOB, run_id=run_id)
    except IntegrityError as error:
        if not breaks(error, "doctor_run_open"):
            raise
        raise Conflict("doctor_busy", "体检正在进行，请等它做完。") from None
    return run_id


async def _begin(s: Services, name: str) -> int:
    now = s.clock.now()
    dead = DoctorRun.filter(ended_at=None, asked_at__lt=now - LONGEST)
    await dead.update(ended_at=now, trouble="体检中断了，请再做一次。")
    await DoctorRun.filter(asked_at__lt=now - KEPT).delete()
    return int((await DoctorRun.create(asked_by_name=name, asked_at=now)).id)


async def examine(s: Services, run_id: int) -> None:
    """Job: let the doctor look, and keep what it says. A run that has ended, or is gone, is left alone."""
    if await DoctorRun.filter(id=run_id, ended_at=None).exists():
        found, trouble = await _asked(s)
        kept = [{"level": one.level, "title": one.title, "text": one.text} for one in found]
        await DoctorRun.filter(id=run_id, ended_at=None).update(
            ended_at=s.clock.now(), findings=kept, trouble=trouble
        )


async def _asked(s: Services) -> tuple[list[Examined], str]:
    if s.doctor is None:
        return [], "这里不能体检，请在服务器上运行 xcert doctor。"
    try:
        return await s.doctor.examine(), ""
    except OutsideFailure as failure:
        return [], f"{failure}，请在服务器上运行 xcert doctor。"


async def sweep(s: Services) -> None:
    """Once a night, so that the first page tells in the morning what is wrong."""
    try:
        async with in_transaction():
            run_id = await _begin(s, "")
    except IntegrityError as error:
        if not breaks(error, "doctor_run_open"):
            raise
        return  # somebody has just asked
    await examine(s, run_id)


async def latest() -> tuple[DoctorRun | None, DoctorRun | None]:
    """(the last one that ended well, the one that is under way or ended without an answer after it)."""
    last = await DoctorRun.all().order_by("-id").first()
    good = await DoctorRun.filter(trouble="").exclude(ended_at=None).order_by("-id").first()
    return good, last if last is not None and (good is None or last.id > good.id) else None


def findings(run: DoctorRun) -> list[Examined]:
    return [Examined(**one) for one in run.findings]
