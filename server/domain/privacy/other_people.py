"""What is held of officers, accounts and participants of courses: for their copy, and what becomes of it when they are erased.

What they did in office stays with their name: who asked, who approved and who signed is what the trail, the receipts and the
books are for (PIPL Art. 13 (1) 3, Art. 47 (2)). What served to reach them and to let them in goes.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

from server.domain.audit import named_people
from server.domain.ports import Keys
from server.domain.privacy.holding import Holding
from server.domain.privacy.subjects import SAME_PARTICIPANT, Subject
from server.domain.training.enrolments import ABOUT_PHONE
from server.models.database import rows, write

NO_NAME, NO_PHONE = "（已删除）", "*" * 11
_TRAIL = "at=时间 action=做了什么 subject_kind=对象 address=地址"
TABLES: Mapping[str, Sequence[Holding]] = {
    "officer": (
        Holding(
            "officer",
            "签发负责人",
            of="id = $1",
            personal="name=姓名 school_id=院校 mobile_sealed=手机号 oa_openid=公众号的openid mp_openid=小程序的openid "
            "state=状态 created_at=邀请时间 suspended_at=停用时间 until=代理到哪一天 erased_at=删除时间",
        ),
        Holding(
            "delivery",
            "发给本人的通知",
            of="officer_id = $1",
            personal="account=公众号或小程序 channel=渠道 topic=事情 fields_shown=内容 state=状态 "
            "created_at=产生时间 sent_at=发出时间 settled_at=有结果的时间",
        ),
        Holding("receipt", "签发凭据", of="officer_id = $1", personal="document=凭据 created_at=签发时间"),
        Holding("audit_entry", "本人的操作", of="actor_kind = 'officer' AND actor_id = $1", personal=_TRAIL),
    ),
    "staff": (
        Holding(
            "staff",
            "账号",
            of="id = $1",
            personal="username=用户名 name=姓名 role=角色 school_id=院校 is_active=启用 has_passkey=有通行密钥 "
            "created_at=建立时间 erased_at=删除时间",
        ),
        Holding(
            "console_session",
            "登录的设备",
            of="staff_id = $1",
            personal="way=方式 address=地址 device=设备 began_at=登录时间 last_used_at=最近使用",
        ),
        Holding(
            "passkey",
            "通行密钥",
            of="staff_id = $1",
            personal="label=名称 created_at=添加时间 last_used_at=最近使用",
        ),
        Holding(
            "login_wechat", "登录用的微信", of="staff_id = $1", personal="openid=openid bound_at=绑定时间"
        ),
        Holding(
            "staff_wechat", "接收试发的微信", of="staff_id = $1", personal="openid=openid linked_at=登记时间"
        ),
        Holding(
            "api_token",
            "API令牌",
            of="staff_id = $1",
            personal="label=名称 created_at=建立时间 revoked_at=作废时间",
        ),
        Holding(
            "staff_change",
            "账号的变更",
            of="staff_id = $1",
            personal="act=变更 role=角色 reason=缘由 state=办理情况 asked_at=提出时间 decided_at=决定时间 note=说明",
        ),
        Holding("audit_entry", "本人的操作", of="actor_kind = 'staff' AND actor_id = $1", personal=_TRAIL),
    ),
    "enrolment": (
        Holding(
            "course_enrolment",
            "培训登记",
            of=SAME_PARTICIPANT,
            personal="name=姓名 phone_sealed=手机号 course_id=培训 school_id=院校 enrolled_at=登记时间 erased_at=删除时间",
        ),
        Holding(
            "fee",
            "应缴费用（院校付）",
            of=f"enrolment_id IN (SELECT id FROM course_enrolment WHERE {SAME_PARTICIPANT})",  # noqa: S608 -- constants
            personal="amount_fen=金额（分） state=状态 created_at=产生时间",
        ),
    ),
}
# Copied and kept: for docs/privacy.md. Whatever else of `TABLES` is the person's is taken away.
STAYS = {
    "officer": "签发凭据里的姓名和时间（当时签的名，院校和任何人凭它核对），审计里本人的操作，谁邀请、谁确认",
    "staff": "业务记录和审计里“谁提出、谁批准、谁经办”的姓名（职务行为的记录），角色，账号建立和停用的时间",
    "enrolment": "哪一门培训、哪所院校、费用（账目）",
}
_OFFICER = (
    "DELETE FROM follower WHERE openid = (SELECT oa_openid FROM officer WHERE id = $1)"
    " AND NOT EXISTS (SELECT 1 FROM binding b WHERE b.account = 'oa' AND b.openid = follower.openid)",
    "UPDATE delivery SET openid = '', fields_shown = '{}', path = '', msgid = '', last_error = '', tried = NULL"
    " WHERE officer_id = $1",
)
_OFFICERS_ROW = """
UPDATE officer SET name = $2, mobile_sealed = NULL, mobile_index = NULL, invitation_hash = NULL, invitation_expires_at = NULL,
    oa_openid = '', mp_openid = '', pin_hash = '', erased_at = $3 WHERE id = $1
"""
_STAFF = (
    "DELETE FROM console_session WHERE staff_id = $1",
    "DELETE FROM passkey WHERE staff_id = $1",
    "DELETE FROM login_wechat WHERE staff_id = $1",
    "DELETE FROM staff_wechat WHERE staff_id = $1",
    "UPDATE api_token SET label = '', revoked_at = COALESCE(revoked_at, now()) WHERE staff_id = $1",
    "UPDATE staff_change SET reason = '', note = '' WHERE staff_id = $1",
)
_STAFFS_ROW = """
UPDATE staff SET name = $2, username = '已删除-' || id, password_hash = 'erased', otp_sealed = NULL, recovery_codes = NULL,
    has_passkey = FALSE, session_epoch = session_epoch + 1, erased_at = $3 WHERE id = $1
"""
_ENROLMENT = """
UPDATE course_enrolment SET name = $2, phone_sealed = $3, phone_index = $4, erased_at = $5 WHERE id = $1
"""

# What staff wrote of the case, without the name.
_UNNAMED = "UPDATE erasure SET {0} = replace({0}, $2, $3) WHERE {1} = $1 AND position($2 in {0}) > 0"


async def bound_to(who: Subject) -> list[tuple[str, str]]:
    """Account and openid by which this person, an officer, is known in WeChat."""
    if who.kind != "officer":
        return []
    [row] = await rows("SELECT oa_openid, mp_openid FROM officer WHERE id = $1", who.id)
    return [one for one in (("oa", row["oa_openid"]), ("mp", row["mp_openid"])) if one[1]]


async def wipe(keys: Keys, who: Subject, now: datetime) -> None:
    """Take away what is not kept, in the caller's transaction that holds the person."""
    for name in await named_people.names_of(who.of.table, who.id):
        for column in ("reason", "decision_note"):
            await write(_UNNAMED.format(column, who.column), who.id, name, named_people.WORDS)
    if who.kind == "officer":
        for statement in _OFFICER:
            await write(statement, who.id)
        await write(_OFFICERS_ROW, who.id, NO_NAME, now)
    elif who.kind == "staff":
        for statement in _STAFF:
            await write(statement, who.id)
        await write(_STAFFS_ROW, who.id, NO_NAME, now)
    else:
        same = await rows(f"SELECT id FROM course_enrolment WHERE {SAME_PARTICIPANT}", who.id)  # noqa: S608 -- constants
        for row in same:
            nobody = keys.encrypt(NO_PHONE, about=ABOUT_PHONE)
            await write(_ENROLMENT, row["id"], NO_NAME, nobody, secrets.token_bytes(32), now)


def others_as_markdown() -> str:
    """What is held of other people and what stays, as docs/privacy.md shows it."""
    lines = ["| 谁 | 副本里有 | 删除以后留下的 |", "|---|---|---|"]
    for kind, label in (("officer", "签发负责人"), ("staff", "工作台账号"), ("enrolment", "培训学员")):
        told = "；".join(f"{one.label}：{'、'.join(one.words.values())}" for one in TABLES[kind])
        lines.append(f"| {label} | {told} | {STAYS[kind]} |")
    return "\n".join(lines)
