"""What a message may say of the person it goes to. Each is one expression over the tables of the snapshot."""

from __future__ import annotations

from dataclasses import dataclass

from server.domain.levels import Level

_LEVELS = " ".join(f"WHEN '{level.value}' THEN '{level.label}'" for level in Level)
_DAY = 'FMYYYY"年"FMMM"月"FMDD"日"'


@dataclass(frozen=True, slots=True)
class PersonField:
    """One of them.

    Attributes:
        sql: its text, over c (candidate), r (registration), p (plan), t (site), h (school); NULL where there is none.
        example: by which a template's keyword is judged beforehand.
    """

    label: str
    sql: str
    example: str


PERSON_FIELDS: dict[str, PersonField] = {
    "name": PersonField("姓名", "c.name", "崔子涵"),
    "plan": PersonField("考试名称", "p.name", "2023年9月22日社会心理服务证书考试计划"),
    "exam_date": PersonField("考试日期", f"to_char(p.exam_date, '{_DAY}')", "2023年9月22日"),
    "level": PersonField("等级", f"CASE t.level {_LEVELS} END", "初级"),
    "school": PersonField("院校", "h.name", "第一职业技术学院"),
    "admission_number": PersonField("准考证号", "r.admission_number", "2309220000001"),
    "certificate_number": PersonField(
        "证书编号",
        "(SELECT k.number FROM certificate k JOIN issuance i ON i.id = k.issuance_id"
        " WHERE k.registration_id = r.id AND k.state = 'valid' AND i.issued_at IS NOT NULL LIMIT 1)",
        "23SPS100000001K",
    ),
    "amount_owed": PersonField(
        "待缴金额",
        "(SELECT to_char(sum(f.amount_fen) / 100.0, 'FM9999990.00') || '元' FROM fee f"
        " WHERE f.registration_id = r.id AND f.state = 'owed')",
        "280.00元",
    ),
}
