"""How long what is: one table of what is cleared away with time, and the sweep that does it in small steps (PIPL Art. 19).

What other sweeps clear stands in the same table, so that there is one answer to "how long do you keep it".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta

from server.domain.actor import SYSTEM
from server.domain.audit import audit_log
from server.domain.fault_points import transaction
from server.domain.notices.delivery import OUTLIVED
from server.domain.ports import Services
from server.models.database import write
from server.settings import Settings

SLICE = 1000  # rows in one transaction
MOST_SLICES = 100  # of one rule in one run; the rest waits for the next day


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is kept for a time.

    Attributes:
        name: in the audit's counts.
        table: whose rows; `what`: what they hold; `why`: why so long and not longer.
        setting: the field of Settings with the days; empty: `fixed` says how long.
        statement: clears `$2` rows that ended before `$1`, at the moment `$3` if it writes one; empty: another sweep
            does it. What deletes repeats its condition: a row that changed between finding and deleting stays.
    """

    name: str
    table: str
    what: str
    why: str
    setting: str = ""
    fixed: str = ""
    statement: str = ""


# A rule's statement takes the oldest first, by the index of migration 0043 that its condition repeats.
RULES: tuple[Rule, ...] = (
    Rule(
        "unknown",
        "delivery",
        "结果未知、没有人处理的通知：记为“已取消”，内容、openid 清空",
        "这么久还没有决定的不会再发；不记下结局，它就永远不到期",
        setting="keep_notices_days",
        statement=OUTLIVED,
    ),
    Rule(
        "notices",
        "delivery",
        "通知的内容、收件的 openid、微信消息号",
        "考生在“通知”页看得到一年内的；以后只剩发过几次、结果如何",
        setting="keep_notices_days",
        statement="UPDATE delivery SET fields_shown = '{}', openid = '', path = '', msgid = '', last_error = '', tried = NULL"
        " WHERE id IN (SELECT id FROM delivery WHERE settled_at < $1 AND (fields_shown <> '{}' OR openid <> '')"
        " ORDER BY settled_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
    ),
    Rule(
        "bindings",
        "binding",
        "已解除的微信绑定（openid、unionid）",
        "解释以前是谁绑定的、什么时候解除的",
        setting="keep_bindings_days",
        statement="DELETE FROM binding WHERE id IN (SELECT id FROM binding WHERE unbound_at < $1"
        " ORDER BY unbound_at LIMIT $2) AND unbound_at < $1",
    ),
    Rule(
        "leavers",
        "follower",
        "取消关注、也没有绑定的 openid",
        "微信的推送可能先后颠倒，过几天就用不着了",
        setting="keep_leavers_days",
        statement="DELETE FROM follower WHERE openid IN (SELECT f.openid FROM follower f WHERE NOT f.is_following"
        " AND f.changed_at < $1 AND NOT EXISTS (SELECT 1 FROM binding b WHERE b.account = 'oa' AND b.openid = f.openid"
        " AND b.unbound_at IS NULL) AND NOT EXISTS (SELECT 1 FROM officer o WHERE o.oa_openid = f.openid)"
        " ORDER BY f.changed_at LIMIT $2) AND NOT is_following AND changed_at < $1",
    ),
    Rule(
        "lists",
        "campaign_listed",
        "群发的名单：哪些考生在里面",
        "核对名单、重发失败的",
        setting="keep_lists_days",
        statement="DELETE FROM campaign_listed WHERE id IN (SELECT l.id FROM campaign c JOIN campaign_listed l"
        " ON l.campaign_id = c.id WHERE c.ended_at < $1 LIMIT $2)",
    ),
    Rule(
        "imports",
        "import_run",
        "导入的文件名、逐行的问题和改动（姓名、遮掩的号码）",
        "核对导入了什么、为什么没有导入；行数一直留着",
        setting="keep_imports_days",
        statement="UPDATE import_run SET file_name = '', errors = '[]', notes = '[]', differences = NULL, asked = NULL,"
        " creating = NULL WHERE id IN (SELECT id FROM import_run WHERE finished_at < $1 AND file_name <> ''"
        " ORDER BY finished_at LIMIT $2)",
    ),
    Rule(
        "alarms",
        "finance_alarm",
        "办完的缴费提醒：号码、金额、财务写的处理说明",
        "年度审计时还看得到；没有办完的不清除，谁办的、怎样办的在审计里",
        setting="keep_alarms_days",
        statement="DELETE FROM finance_alarm WHERE id IN (SELECT id FROM finance_alarm WHERE settled_at < $1"
        " ORDER BY id LIMIT $2) AND settled_at < $1",
    ),
    Rule(
        "files",
        "import_run",
        "导入的原始表格和标注表（加密的文件）；只检查、没有写入的留一天",
        "改正有问题的行、重新导入",
        setting="keep_files_days",
    ),
    Rule(
        "log_ins",
        "console_session",
        "工作人员登录的设备和地址",
        "本人和管理员看得出不是自己的登录",
        setting="keep_log_ins_days",
    ),
    Rule(
        "pushes",
        "push_seen",
        "微信推送的消息和事件（加密）、回答",
        "同一推送会重复来，回答要一样",
        fixed="2 小时",
    ),
    Rule(
        "answers",
        "idempotent_answer",
        "带 Idempotency-Key 的请求的第一次回答（加密）",
        "同一请求再来，回答一样",
        fixed="1 天",
    ),
    Rule("ends", "ended_person", "已退出的手机登录（盲索引）", "手机登录最长 12 小时", fixed="13 小时"),
    Rule("changes", "lookup_change", "查询结果变了的标记（摘要）", "各进程都看到为止", fixed="1 天"),
    Rule("jobs", "procrastinate_jobs", "失败的后台任务（只有编号）", "查找原因", fixed="30 天"),
    Rule(
        "attempts",
        "Redis",
        "尝试次数、图形验证、一次性的登录状态",
        "限制次数",
        fixed="几分钟到一天，由 Redis 自己过期",
    ),
)


def days(settings: Settings, rule: Rule) -> int:
    """How long, by the setting. Raises AttributeError for a rule without one."""
    return int(getattr(settings, rule.setting))


async def sweep(s: Services) -> Mapping[str, int]:
    """Clear away what has been kept long enough; how many rows by rule. Sweep `privacy.retention`, safe to repeat."""
    counts = {rule.name: await _cleared(s, rule) for rule in RULES if rule.statement}
    cleared = {name: count for name, count in counts.items() if count}
    if cleared:
        async with transaction(s.faults, "retention.sweep"):
            await audit_log.record(s.clock, SYSTEM, "retention.sweep", "retention", "-", became=cleared)
    return counts


async def _cleared(s: Services, rule: Rule) -> int:
    """A slice at a time, each its own transaction, so that nobody waits and what is done stays done."""
    now, total = s.clock.now(), 0
    values = (now - timedelta(days=days(s.settings, rule)), SLICE, now)
    for _ in range(MOST_SLICES):
        touched = await write(rule.statement, *values[: 3 if "$3" in rule.statement else 2])
        await s.faults.reach(f"retention: a slice of {rule.name}")
        total += touched
        if touched < SLICE:
            break
    return total


def rules_as_markdown() -> str:
    """The table as docs/privacy.md shows it."""
    of = {field.name: field for field in fields(Settings)}
    lines = ["| 表 | 里面是什么 | 留多久 | 设置 | 为什么 |", "|---|---|---|---|---|"]
    for rule in RULES:
        kept, name = rule.fixed, "–"
        if rule.setting:
            kept, name = f"{of[rule.setting].default} 天", f"`{of[rule.setting].metadata['env']}`"
        lines.append(f"| `{rule.table}` | {rule.what} | {kept} | {name} | {rule.why} |")
    return "\n".join(lines)
