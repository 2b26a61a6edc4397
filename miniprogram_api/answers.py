"""What the mini-program API answers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from server.domain.levels import Level
from server.domain.payments.fee_states import FeeState
from server.domain.payments.order_states import OrderState
from server.web.schema import Answer, OneOf, WrittenDay

LevelName = Annotated[str, OneOf(Level)]


class Session(Answer):
    token: str
    expires_at: datetime
    bound: bool
    roles: list[str]


class Masked(Answer):
    """A candidate as far as anybody may see."""

    name_masked: str
    id_masked: str


class Binding(Answer):
    bound: bool
    candidate: Masked | None
    phone_masked: str | None


class PhoneProblem(Answer):
    code: str
    detail: str = Field(description="原因与下一步")


class Phone(Answer):
    masked: str | None
    problem: PhoneProblem | None


class PhoneGiven(Answer):
    phone: Phone


class Bound(Answer):
    candidate: Masked
    phone: Phone | None = None  # left out where none was given


class Picture(Answer):
    image: str = Field(description="data:image/png;base64,…")
    expires_in: int


class Notice(Answer):
    code: str = Field(description="not_bound、not_found、not_released、practice_missing、awaiting_school 等")
    title: str
    detail: str = Field(description="原因与下一步")


class Subject(Answer):
    name: str
    score: float | None
    status: Literal["scored", "absent", "deferred", "misconduct", "cheating"]
    status_name: str


class Result(Answer):
    plan: str
    exam_date: date
    certificate: str
    level: LevelName
    level_name: str
    school: str
    admission_number: str
    subjects: list[Subject]
    outcome: Literal["pending", "passed", "failed", "absent", "deferred", "misconduct"]
    outcome_name: str
    advice: str
    released_at: datetime
    corrected_at: datetime | None = Field(description="公布以后更正过成绩的时间")


class ResultNotice(Notice):
    """Why a result is not there."""

    plan: str = ""
    exam_date: date | None = None
    level: LevelName | None = None
    level_name: str = ""
    until: datetime | None = Field(default=None, description="预计何时公布")


class Results(Answer):
    bound: bool
    candidate: Masked | None
    items: list[Result]
    notices: list[ResultNotice]
    next_cursor: str | None


class Certificate(Answer):
    number: str
    state: Literal["valid", "revoked", "superseded"]
    state_name: str
    certificate: str
    level: LevelName
    level_name: str
    standard: str
    certifies: str
    plan: str
    exam_date: date
    issued_on: date
    issued_at: datetime | None
    school: str
    issuer: str
    portal_number: str | None
    expires_on: date | None
    revoked_at: datetime | None
    revoke_reason: str | None
    superseded_by: str | None
    superseded_at: datetime | None
    advice: str
    verification_url: str


class CertificateNotice(ResultNotice):
    """Why a certificate is not there."""

    certificate: str = ""
    school: str = ""
    outcome: str = ""


class Withheld(CertificateNotice):
    """Earned, and not there yet: `missing` are hours by name."""

    missing: dict[str, float]


class Certificates(Answer):
    bound: bool
    candidate: Masked | None
    items: list[Certificate]
    withheld: list[Withheld]
    notices: list[CertificateNotice]
    next_cursor: str | None


class Subscription(Answer):
    topic: str = Field(description="POST 时放入 accepted")
    title: str
    template_id: str = Field(description="用于 wx.requestSubscribeMessage")
    left: int = Field(ge=0, description="还可以发送几条")
    ask: bool = Field(description="现在征求对本人有用；否则不要再问")
    long_term: bool = Field(description="长期订阅：同意一次一直有效；不能与一次性的同时征求")


class Subscriptions(Answer):
    items: list[Subscription]


class NoticeLine(Answer):
    label: str
    value: str


class PersonsNotice(Answer):
    title: str
    lines: list[NoticeLine]
    page: str = Field(description="打开小程序的哪一页；空：没有")
    at: datetime
    is_new: bool = Field(description="没有送到微信，第一次在这里显示")


class NoticeChoice(Answer):
    choice: str = Field(description="POST 时放入 choice")
    title: str
    about: str
    wants: bool


class NoticeChoices(Answer):
    items: list[NoticeChoice]


class Notices(Answer):
    items: list[PersonsNotice]
    choices: list[NoticeChoice]


class Link(Answer):
    kind: Literal["scan", "verification"]
    token: str = Field(default="", description="kind 为 scan 时：用于 GET /scans/{token}")
    code: str = Field(default="", description="kind 为 verification 时：网页 /v/{code}")


class ScannedPerson(Answer):
    row: int
    number: str
    name_masked: str
    id_masked: str


class Scan(Answer):
    state: str
    state_label: str
    plan: str
    exam_date: WrittenDay
    certificate: str
    site: str
    school: str
    level: LevelName
    level_label: str
    count: int
    digest: str = Field(description="名单的 SHA-256 前 8 位，应与电脑页面相同")
    revision: int
    expires_at: datetime
    shown_at: datetime
    shown_by: str = Field(description="谁的电脑在出示二维码")
    corrects: str | None = Field(description="更正换发的：发放以后被替代的证书编号")
    people: list[ScannedPerson]
    receipt: dict[str, Any] | None = Field(description="签发凭据：内容与 Ed25519 签名")


class Scanned(Answer):
    state: str
    state_label: str
    receipt: dict[str, Any] = Field(description="签发凭据：内容与 Ed25519 签名")


class Officer(Answer):
    name: str
    school: str


class Fee(Answer):
    id: int
    plan: str
    exam_date: date
    level: LevelName
    amount_fen: int = Field(description="分")
    state: Annotated[str, OneOf(FeeState)]
    state_label: str


class Order(Answer):
    id: int
    number: str
    description: str
    total_fen: int = Field(description="分")
    refunded_fen: int = Field(description="分")
    state: Annotated[str, OneOf(OrderState)]
    state_label: str
    expires_at: datetime
    paid_at: datetime | None
    is_payable_here: bool = Field(
        description="待支付，且是本人用这个小程序下的；在公众号或用另一个微信号下的，在这里不能付，要付就重新下单"
    )


class Orders(Answer):
    fees: list[Fee]
    orders: list[Order]


class Payment(Answer):
    """The parameters of wx.requestPayment (wechat.md §7.5)."""

    timeStamp: str
    nonceStr: str
    package: str
    signType: str
    paySign: str
