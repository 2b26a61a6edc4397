"""The words of look-ups: states by name, why something is not there, and what to do next."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from server.domain.beijing import local
from server.domain.exams.results import Result, Status
from server.domain.people.candidates import ABOUT_ID, mask_id, mask_name
from server.domain.ports import Services

STATUS = {status.value: status.label for status in Status}
OUTCOME = {result.value: result.label for result in Result}
OUTCOME_ADVICE = {
    "passed": "恭喜您通过本次考核。证书签发进度可在“我的证书”中查看。",
    "failed": "本次考核未通过。您可以再次报考，报名请联系所在院校。",  # S44
    "absent": "您未参加本次考核。您可以再次报考，报名请联系所在院校。",
    "deferred": "您已办理缓考，请留意所在院校通知的下次考试安排。",
    "misconduct": "本次考核按违纪处理。如有异议，请联系所在院校。",
    "pending": "部分科目成绩尚未录齐，请稍后再查。",
}
CERTIFICATE = {"valid": "有效", "revoked": "已撤销", "superseded": "已更正换发"}
# What each level certifies, as the standard's table of areas and tasks has it (S12, S15).
CERTIFIES = {
    "primary": "科普宣教、问题识别、人际沟通与干预，共 3 个工作领域、9 项工作任务",
    "intermediate": "科普宣教、问题识别与干预、心理健康管理、社会心态管理，共 4 个工作领域、17 项工作任务",
    "advanced": "科普宣教、问题识别、心理健康维护、社会心态培育、培训与督导，共 5 个工作领域、20 项工作任务",
}

NOT_BOUND = {
    "code": "not_bound",
    "title": "尚未绑定考生信息",
    "detail": "您的微信还没有绑定考生信息，暂时无法查询。请先用姓名和证件号码完成绑定。",
}
NO_REGISTRATION = {
    "code": "not_found",
    "title": "没有查到报考记录",
    "detail": "没有查到您的报考记录。报考由院校统一办理，如您已经报考或参加考试，请联系所在院校核对报考信息。",  # S55
}


def nothing(notices: list[dict[str, Any]]) -> dict[str, Any]:
    """The answer to somebody who is not bound."""
    return {"bound": False, "candidate": None, "items": [], "notices": notices, "next_cursor": None}


def person(s: Services, row: dict[str, Any]) -> dict[str, str]:
    """Who is bound, masked; the only form in which a person stands in an answer."""
    number = s.keys.decrypt(row["id_sealed"], about=ABOUT_ID)
    return {"name_masked": mask_name(row["name"]), "id_masked": mask_id(number)}


def moment(value: datetime | None) -> str | None:
    """RFC 3339 in Beijing time."""
    return None if value is None else local(value).isoformat(timespec="seconds")
