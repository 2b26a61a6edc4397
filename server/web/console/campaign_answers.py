"""What the console API answers about campaigns and deliveries."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from server.web.schema import Answer


class CampaignField(Answer):
    keyword: str
    label: str
    constant: str | None
    person: str | None


class CampaignWay(Answer):
    channel: str
    template: str
    title: str
    fields: list[CampaignField]


class CampaignAudience(Answer):
    plans: list[int]
    levels: list[str]
    schools: list[int]
    outcomes: list[str]
    payment: list[str]
    certificate: str
    binding: str
    uses_list: bool


class StateCount(Answer):
    state: str
    state_label: str
    count: int


class Campaign(Answer):
    id: int
    name: str
    kind: str
    kind_label: str
    state: str
    state_label: str
    note: str = Field(description="为什么没有批准、停下或到时没有开始")
    ways: list[CampaignWay]
    path: str
    audience: CampaignAudience
    start_at: datetime | None
    not_after: datetime
    quiet_from: str
    quiet_until: str
    per_second: int
    per_day: int
    author_name: str
    submitted_by_name: str
    submitted_at: datetime | None
    decided_by_name: str
    decided_at: datetime | None
    frozen_at: datetime | None = Field(description="名单写成快照的时间；空：还没有")
    people: int
    reachable: int
    ends: list[StateCount] = Field(description="快照里的人各在什么状态；加起来等于 people")
    counted_at: datetime | None = Field(description="列表里已经结束的群发：ends 是何时数的；空：此刻")
    calls_today: int
    rest_until: datetime | None = Field(description="微信的额度用完了，停到这时")
    done_by: datetime | None = Field(
        description="照现在的速度何时发完；空：估计不出，或在最晚发送时间之前发不完"
    )
    started_at: datetime | None
    ended_at: datetime | None
    created_at: datetime


class AudienceReason(Answer):
    why: str
    count: int


class AudiencePerson(Answer):
    name_masked: str
    school: str | None
    plan: str | None
    admission_number_tail: str
    channel: str | None
    why_not: str


class AudienceShown(Answer):
    people: int
    reachable: int
    unreached: list[AudienceReason]
    sample: list[AudiencePerson]
    without_way: list[AudiencePerson]
    is_frozen: bool


class AudienceCount(Answer):
    people: int
    reachable: int = Field(description="所选的模板送得到的人")
    unreached: list[AudienceReason]


class ListRefusal(Answer):
    row: int
    code: str
    detail: str


class ListCounts(Answer):
    seen: int = Field(description="等于后面四项之和")
    taken: int
    unchanged: int = Field(description="名单里已有的人")
    refused: int
    skipped: int = Field(description="这一列是空的")
    refusals: list[ListRefusal] = Field(description="至多 200 行")


class PreviewLine(Answer):
    label: str
    value: str
    fault: str


class CampaignPreview(Answer):
    channel: str
    title: str
    lines: list[PreviewLine]
    path: str


class Previews(Answer):
    items: list[CampaignPreview]


class LinkCode(Answer):
    text: str = Field(description="十分钟之内在公众号里发送的文字")


class Retried(Answer):
    count: int


class TemplateKeyword(Answer):
    keyword: str
    label: str


class CampaignTemplate(Answer):
    channel: str
    template: str
    title: str
    keywords: list[TemplateKeyword]


class PersonField(Answer):
    name: str
    label: str


class CampaignChoices(Answer):
    """What a campaign may be written with."""

    templates: list[CampaignTemplate]
    person_fields: list[PersonField]


class Delivery(Answer):
    id: int
    topic: str
    topic_label: str
    campaign_id: int | None
    campaign: str | None
    candidate_id: int | None
    officer_id: int | None
    name_masked: str
    school: str | None
    channel: str
    state: str
    state_label: str
    reason: str
    attempts: int
    retries: int = Field(description="由人再发过几次")
    created_at: datetime
    sent_at: datetime | None
    settled_at: datetime | None
    next_try_at: datetime | None
