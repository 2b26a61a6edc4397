"""上线清单: what the doctor sees ticks a line off or opens it, what no program can tell a person confirms, by name."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

import pytest

from server.commands.doctor.local import CHECKS
from server.domain.actor import SYSTEM
from server.domain.audit import audit_log
from server.domain.go_live import checklist, doctor_runs
from server.domain.go_live.checklist import Mark
from server.domain.go_live.lines import LINES, SECTIONS, line_of
from server.domain.lookups import due_today
from server.domain.ports import Services
from server.domain.ports.doctor import Examined
from server.domain.roles import Role
from server.errors import Conflict, Forbidden, NotFound
from server.models import AuditEntry, DoctorRun, GoLiveTick, Staff
from tests.kit import make
from tests.kit.console_desk import account
from tests.kit.exchange import exchange
from tests.kit.fake_doctor import FakeDoctor
from tests.kit.fakes import FakeClock
from tests.kit.jobs import drained
from tests.kit.repository import ROOT, tracked


async def examined(s: Services, *found: Examined, failure: str = "") -> None:
    exchange(s, doctor=FakeDoctor(*found, failure=failure))
    await doctor_runs.ask(s, actor=make.ADMIN)
    await drained(s)


async def marks(s: Services) -> dict[str, Mark]:
    it = await checklist.checklist(s.clock, actor=make.ADMIN)
    return {one.line.key: one.mark for _, lines in it.sections for one in lines}


def titles_of_the_doctor() -> set[str]:
    """What the checks give their findings as titles, as far as it stands in the source."""
    found: set[str] = set()
    for path in tracked("server/commands/doctor/*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        names = {
            target.id: node.value.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("ok", "look", "bad")
                and node.args
            ):
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.add(str(first.value))
                elif isinstance(first, ast.Name) and first.id in names:
                    found.add(names[first.id])
    return found


def test_every_title_of_the_doctor_belongs_to_a_line() -> None:
    composed = {
        "公众号消息推送",
        "小程序最近推送",
        "公众号账号",
        "小程序接口额度",
        "微信支付商户私钥",
        "模板消息“成绩发布通知”",
    }
    titles = titles_of_the_doctor() | set(CHECKS) | composed
    assert len(titles) > 30
    assert sorted(title for title in titles if not line_of(title)) == []


def test_the_list_is_the_documents() -> None:
    text = (ROOT / "docs/operate.md").read_text("utf-8").partition("## 上线清单")[2].partition("\n## ")[0]
    steps = {int(line.partition(".")[0]) for line in text.splitlines() if line.partition(".")[0].isdigit()}
    assert {line.step for line in LINES.values()} <= steps
    assert sum(len(lines) for _, lines in SECTIONS) == len(LINES)


async def test_a_line_ticks_itself_off_or_says_what_is_open(services: Services, clock: FakeClock) -> None:
    assert (await marks(services))["stores"] is Mark.UNKNOWN
    found = (
        Examined("ok", "数据库", "15"),
        Examined("bad", "Redis", "连接不上"),
        Examined("look", "反向代理", "请核对"),
    )
    await examined(services, *found, Examined("bad", "从没听说过的", "x"))
    it = await checklist.checklist(clock, actor=make.ADMIN)
    stores = next(one for _, lines in it.sections for one in lines if one.line.key == "stores")
    assert stores.mark is Mark.OPEN and [one.text for one in stores.found] == ["15", "连接不上"]
    assert [one.title for one in it.others] == ["从没听说过的"]
    seen = await marks(services)
    assert seen["proxy"] is seen["icp"] is Mark.CONFIRM and seen["menu"] is Mark.UNKNOWN
    await examined(services, Examined("ok", "数据库", "15"), Examined("ok", "Redis", "8"))
    assert (await marks(services))["stores"] is Mark.DONE


async def test_a_person_confirms_what_no_program_sees_and_takes_it_back(
    services: Services, clock: FakeClock
) -> None:
    await checklist.confirm(clock, "icp", " 京ICP备0号 ", actor=make.ADMIN)
    tick = await GoLiveTick.get(line="icp")
    assert (tick.staff_name, tick.note, tick.at) == (make.ADMIN.name, "京ICP备0号", clock.now())
    assert (await marks(services))["icp"] is Mark.DONE
    await checklist.take_back(clock, "icp", actor=make.ADMIN)
    assert (await marks(services))["icp"] is Mark.CONFIRM
    with pytest.raises(Conflict) as gone:
        await checklist.take_back(clock, "icp", actor=make.ADMIN)
    assert gone.value.code == "not_confirmed"
    trail = await AuditEntry.filter(subject_kind="go_live", subject_id="icp").order_by("id")
    assert [one.action for one in trail] == ["go_live.confirm", "go_live.take_back"]
    assert trail[0].became == {"note": "京ICP备0号"}
    mobile = make.mobile()
    await checklist.confirm(clock, "icp", f"经办人 {mobile}", actor=make.ADMIN)
    [last] = await AuditEntry.all().order_by("-id").limit(1)
    kept = [(await GoLiveTick.get(line="icp")).note, str(last.became)]
    assert not any(mobile in one for one in kept) and all("经办人" in one for one in kept)


async def test_nobody_confirms_what_the_doctor_sees_is_not_so(services: Services, clock: FakeClock) -> None:
    await examined(services, Examined("bad", "域名", "不是"))
    with pytest.raises(Conflict) as refused:
        await checklist.confirm(clock, "oa-domains", "", actor=make.ADMIN)
    assert refused.value.code == "line_open"
    with pytest.raises(NotFound):
        await checklist.confirm(clock, "nothing", "", actor=make.ADMIN)
    for work in (
        checklist.checklist(clock, actor=make.OPERATOR),
        checklist.confirm(clock, "icp", "", actor=make.OPERATOR),
        checklist.take_back(clock, "icp", actor=make.OPERATOR),
        doctor_runs.ask(services, actor=make.OPERATOR),
    ):
        with pytest.raises(Forbidden):
            await work


async def test_a_confirmed_line_opens_when_the_doctor_says_so(services: Services, clock: FakeClock) -> None:
    await examined(services, Examined("look", "域名", "请核对"))
    await checklist.confirm(clock, "oa-domains", "", actor=make.ADMIN)
    assert (await marks(services))["oa-domains"] is Mark.DONE
    await examined(services, Examined("bad", "域名", "变了"))
    assert (await marks(services))["oa-domains"] is Mark.OPEN


async def test_backups_and_two_administrators_are_read_here(services: Services, clock: FakeClock) -> None:
    seen = await marks(services)
    assert seen["backups"] is seen["two-admins"] is Mark.OPEN
    await audit_log.record(clock, SYSTEM, "backup.make", "backup", "2026-11-23")
    for name in ("one", "two"):
        await account(Role.ADMIN, username=name)
    assert (await marks(services))["two-admins"] is Mark.OPEN, "without a second factor"
    await Staff.all().update(has_passkey=True)
    seen = await marks(services)
    assert seen["two-admins"] is Mark.DONE and seen["backups"] is Mark.CONFIRM
    clock.forward(hours=37)
    assert (await marks(services))["backups"] is Mark.OPEN


async def test_one_run_at_a_time_and_a_dead_one_is_overtaken(services: Services, clock: FakeClock) -> None:
    exchange(services, doctor=FakeDoctor(Examined("ok", "数据库", "15")))
    first = await doctor_runs.ask(services, actor=make.ADMIN)
    with pytest.raises(Conflict) as busy:
        await doctor_runs.ask(services, actor=make.ADMIN)
    assert busy.value.code == "doctor_busy"
    await doctor_runs.sweep(services)
    assert await DoctorRun.all().count() == 1
    services.queue.jobs.clear()  # type: ignore[attr-defined]  # the job is lost
    clock.forward(minutes=6)
    second = await doctor_runs.ask(services, actor=make.ADMIN)
    await drained(services)
    assert (await DoctorRun.get(id=first)).trouble == "体检中断了，请再做一次。"
    assert (await DoctorRun.get(id=second)).findings == [{"level": "ok", "title": "数据库", "text": "15"}]
    await doctor_runs.examine(services, first)  # a job that comes late changes nothing
    assert (await DoctorRun.get(id=first)).findings == []
    clock.forward(days=31)
    await doctor_runs.sweep(services)
    assert [one.asked_by_name for one in await DoctorRun.all()] == [""]


@pytest.mark.parametrize(
    ("failure", "trouble"),
    [
        ("体检在 90 秒内没有做完", "体检在 90 秒内没有做完，请在服务器上运行 xcert doctor。"),
        ("", "这里不能体检，请在服务器上运行 xcert doctor。"),
    ],
)
async def test_a_run_without_an_answer_leaves_the_last_one(
    services: Services, failure: str, trouble: str
) -> None:
    await examined(services, Examined("ok", "数据库", "15"))
    exchange(services, doctor=FakeDoctor(failure=failure) if failure else None)
    await doctor_runs.ask(services, actor=make.ADMIN)
    await drained(services)
    good, newer = await doctor_runs.latest()
    assert good is not None and newer is not None and newer.trouble == trouble
    assert [one.title for one in doctor_runs.findings(good)] == ["数据库"]


async def test_home_tells_the_administrator_alone(services: Services, clock: FakeClock) -> None:
    await examined(services, Examined("bad", "Redis", "连接不上"), Examined("bad", "数据目录", "满了"))

    async def told(actor: Any) -> dict[str, tuple[int, str]]:
        found = await due_today.due(services, actor=actor)
        return {one.what: (one.items, one.said) for one in found if one.what in ("doctor", "backup")}

    assert await told(make.ADMIN) == {"doctor": (2, "Redis、数据目录")}
    assert await told(make.OPERATOR) == {}
    exchange(services, settings=replace(services.settings, env="production"))
    assert (await told(make.ADMIN))["backup"] == (1, "还没有做过备份")
    await audit_log.record(clock, SYSTEM, "backup.make", "backup", "x")
    assert "backup" not in await told(make.ADMIN)
    clock.forward(days=2)
    assert (await told(make.ADMIN))["backup"] == (1, "")
