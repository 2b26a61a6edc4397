"""What the supervisor says of a child that is gone."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from server.commands import serve
from server.commands.reloading import Reload, as_json
from server.commands.supervisor import Child, Supervisor, python


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("pass", "被单独停止，已正常结束，0.5 秒后重新启动；要停止整个服务，请停止 xcert 主进程"),
        ("raise SystemExit(3)", "意外退出（代码 3），0.5 秒后重新启动，日志见 {log}"),
        ("import os; os.kill(os.getpid(), 9)", "意外退出（代码 -9），0.5 秒后重新启动，日志见 {log}"),
    ],
    ids=["told to", "failed", "killed"],
)
def test_why_a_child_is_gone_is_told_as_it_is(does: str, said: str, tmp_path: Path) -> None:
    told: list[str] = []
    log = tmp_path / "log"
    child = Child("网页服务 1 ", python("-c", does), {}, log)
    supervisor = Supervisor([child], told.append)
    child.spawn()
    assert child.process is not None
    child.process.wait(60)
    supervisor._look_after(child)
    assert told == [f"网页服务 1 {said.format(log=log)}"]
    assert child.process is None, "and it is started again when its pause is over"
    child.due = time.monotonic()
    supervisor._look_after(child)
    again = child.process
    assert again is not None
    again.send_signal(signal.SIGKILL)
    again.wait(60)


def test_what_nobody_can_hear_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The output goes to a file on a full disk, or into a pipe whose reader is gone: the service goes on."""
    full = os.fdopen(os.open("/dev/full", os.O_WRONLY), "w")
    reader, writer = os.pipe()
    os.close(reader)
    for output in (full, os.fdopen(writer, "w")):
        monkeypatch.setattr("sys.stdout", output)
        with pytest.raises(OSError, match=r"No space left|Broken pipe"):
            output.write("内嵌 Redis 意外停止\n")
            output.flush()
        serve.say("内嵌 Redis 意外停止，正在重新启动")
        monkeypatch.undo()
        with suppress(OSError):
            output.close()


def test_a_terminal_that_is_closed_stops_all_of_it() -> None:
    """Without a reload SIGHUP is what it always was, but everything ends cleanly."""
    child = Child("网页服务 1 ", python("-c", "import time; time.sleep(600)"), {})
    Supervisor([child], lambda _: None).run(lambda: os.kill(os.getpid(), signal.SIGHUP))
    assert child.process is not None
    assert child.process.returncode == -signal.SIGTERM


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("raise SystemExit(3)", "新的网页服务 1没有启动成功，见它的日志"),
        ("import time; time.sleep(600)", "新的网页服务 1在 1 秒内没有准备好，见它的日志"),
    ],
    ids=["dies", "is never ready"],
)
def test_new_processes_that_do_not_come_up_leave_the_old_ones_be(
    does: str, said: str, tmp_path: Path
) -> None:
    told: list[str] = []
    old = Child("网页服务 1 ", python("-c", "import time; time.sleep(600)"), {})
    new = Child("网页服务 1 ", python("-c", does), {})
    plan = tmp_path / "plan.json"
    plan.write_text(as_json([new]), "utf-8")
    reload = Reload(["successors"], told.append, plan=["cat", str(plan)], seconds=1)

    def tick() -> None:
        if len(told) == 1:
            os.kill(os.getpid(), signal.SIGHUP)
            told.append("asked")
        elif len(told) == 4:
            assert (supervisor.children, supervisor.coming, old.is_alive()) == ([old], [], True)
            os.kill(os.getpid(), signal.SIGTERM)

    supervisor = Supervisor([old], told.append, reload)
    told.append("began")
    supervisor.run(tick)
    assert told[3] == f"没有重新载入，原来的进程继续运行：{said}"
    assert not old.is_alive()


def test_a_program_that_is_not_there_changes_nothing() -> None:
    told: list[str] = []
    reload = Reload(["successors"], told.append, plan=["/nonexistent/xcert"])
    supervisor = Supervisor([], told.append, reload)
    for _ in reload(supervisor):
        time.sleep(0.02)
    assert told[-1] == "没有重新载入，原来的进程继续运行：新的进程启动不了（没有这个文件或目录）"


def test_an_answer_that_is_no_list_of_processes_changes_nothing() -> None:
    told: list[str] = []
    reload = Reload(["successors"], told.append, plan=["echo", "[1]"])
    supervisor = Supervisor([], told.append, reload)
    for _ in reload(supervisor):
        time.sleep(0.02)
    assert told[-1] == (
        "没有重新载入，原来的进程继续运行：新的程序没有说明要启动哪些进程；请重新启动整个服务"
    )
