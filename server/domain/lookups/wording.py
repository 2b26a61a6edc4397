"""The sentences of look-ups, the same in the mini-program, on the pages and in the chat: why something is not there, and
what to do next."""

from __future__ import annotations

from server.domain.exams.results import Result
from server.domain.levels import Level
from server.domain.lookups.views import Notice

_ADVICE = {
    Result.PASSED: "恭喜您通过考试。证书签发进度可在“我的证书”中查看。",
    Result.FAILED: "本次考试未通过。您可以再次报考，请联系{school}。",  # S44
    Result.ABSENT: "您未参加本次考试。您可以再次报考，请联系{school}。",
    Result.DEFERRED: "您已办理缓考，请留意{school}通知的下次考试安排。",
    Result.MISCONDUCT: "本次考试按违纪处理。如有异议，请联系{school}。",
    Result.PENDING: "部分科目成绩尚未录齐，请稍后再查。",
}


def advice(outcome: Result, school: str) -> str:
    """What this outcome means and what to do next, naming the school to turn to."""
    return _ADVICE[outcome].format(school=school)


# What each level certifies, as the standard's table of areas and tasks has it (S12, S15).
CERTIFIES = {
    Level.PRIMARY: "科普宣教、问题识别、人际沟通与干预，共 3 个工作领域、9 项工作任务",
    Level.INTERMEDIATE: "科普宣教、问题识别与干预、心理健康管理、社会心态管理，共 4 个工作领域、17 项工作任务",
    Level.ADVANCED: "科普宣教、问题识别、心理健康维护、社会心态培育、培训与督导，共 5 个工作领域、20 项工作任务",
}

NOT_BOUND = Notice(
    "not_bound",
    "尚未绑定考生信息",
    "您的微信还没有绑定考生信息，暂时无法查询。请先用姓名和证件号码完成绑定。",
)
NO_REGISTRATION = Notice(
    "not_found",
    "没有查到报考记录",
    "没有查到您的报考记录。报考由院校统一办理，如您已经报考或参加考试，请联系所在院校核对报考信息。",  # S55
)
