"""The tables in which something of a candidate stands, column by column, and how a candidate's rows are found in them."""

from __future__ import annotations

from server.domain.privacy.holding import Holding

_RELEASED = (
    "registration_id IN (SELECT r.id FROM registration r JOIN plan p ON p.id = r.plan_id"
    " WHERE r.candidate_id = $1 AND p.release_at <= $2)"
)
_ISSUED = (
    "state IN ('valid', 'revoked', 'superseded') AND EXISTS (SELECT 1 FROM issuance i JOIN plan p ON p.id = i.plan_id"
    " WHERE i.id = t.issuance_id AND i.issued_at IS NOT NULL AND p.release_at <= $2)"
)
CANDIDATE_TABLES: tuple[Holding, ...] = (
    Holding(
        "candidate",
        "考生信息",
        of="id = $1",
        personal=(
            "name=姓名 id_kind=证件类型 id_sealed=证件号码 mobile_sealed=登记手机号 given_phone_sealed=本人提供的手机号 "
            "given_phone_at=提供手机号的时间 kind=考生类别 school_id=院校 major_code=专业代码 major_name=专业 "
            "major_version=专业目录 major_tier=专业层次 photo_key=照片 created_at=建立时间 updated_at=最近更改 erased_at=删除时间"
        ),
        keyed="id_index mobile_index given_phone_index",
        other="id",
    ),
    Holding(
        "registration",
        "报考",
        of="candidate_id = $1",
        personal="admission_number=准考证号 plan_id=考试计划 site_id=考核站点 outcome=考证结果 created_at=登记时间",
        other="id candidate_id",
    ),
    Holding(
        "score",
        "科目成绩",
        of="registration_id IN (SELECT id FROM registration WHERE candidate_id = $1)",
        shown=_RELEASED,
        personal="registration_id=准考证号 subject=科目 score=分数 status=状态 updated_at=登记时间",
        other="id",
    ),
    Holding(
        "score_change",
        "成绩变更",
        of="registration_id IN (SELECT id FROM registration WHERE candidate_id = $1)",
        shown=_RELEASED,
        personal=(
            "registration_id=准考证号 subject=科目 was_status=原状态 was_score=原分数 status=新状态 score=新分数 "
            "reason=缘由 state=办理情况 requested_at=提出时间 decided_at=决定时间 decision_note=决定说明"
        ),
        people="requested_by requested_by_name decided_by decided_by_name",
        other="id",
    ),
    Holding(
        "practice_record",
        "实践与督导学时",
        of="candidate_id = $1",
        personal="level=等级 practice_hours=实践学时 supervision_hours=督导学时 updated_at=登记时间",
        other="id candidate_id",
    ),
    Holding(
        "certificate",
        "证书",
        of="candidate_id = $1",
        shown=_ISSUED,
        personal=(
            "number=证书编号 state=状态 line=签发名单里的一行 claims=证书内容 code=核验码 pdf_key=电子证书文件 pdf_sha256=文件的散列 "
            "sealed_at=生成时间 portal_number=国家门户证书编号 expires_on=有效期至 revoked_at=撤销时间 "
            "revoke_reason=撤销原因 superseded_at=换发时间 superseded_word=换发原因 printed_id_sealed=证书上的证件号码"
        ),
        keyed="id_salt_sealed",
        other=(
            "id claims_sha256 attempts last_error claimed_by claimed_until created_at candidate_id "
            "issuance_id registration_id superseded_by_id corrects_id"
        ),
    ),
    Holding(
        "paper_sheet",
        "纸质证书",
        of="certificate_id IN (SELECT id FROM certificate WHERE candidate_id = $1)",
        personal="serial=纸张编号 certificate_id=证书编号 state=状态 spoiled_reason=作废原因 spoiled_at=作废时间",
        people="spoiled_by spoiled_by_name",
        other="id number run_id",
    ),
    Holding(
        "fee",
        "应缴费用",
        of="candidate_id = $1",
        personal="registration_id=准考证号 amount_fen=金额（分） state=状态 created_at=产生时间",
        other="id candidate_id price_id school_id settled_by_id enrolment_id",
    ),
    Holding(
        "fee_waiver",
        "费用减免",
        of="fee_id IN (SELECT id FROM fee WHERE candidate_id = $1)",
        personal="fee_id=哪一项费用 reason=缘由 state=办理情况 asked_at=提出时间 decided_at=决定时间",
        people="asked_by asked_by_name decided_by decided_by_name",
        other="id",
    ),
    Holding(
        "fee_order",
        "缴费订单",
        of="candidate_id = $1",
        personal=(
            "number=订单号 account=公众号或小程序 way=付款方式 openid=付款的微信（openid） description=内容 total_fen=金额（分） "
            "refunded_fen=已退（分） state=状态 transaction_id=微信支付单号 paid_at=付款时间 created_at=下单时间"
        ),
        keyed="handle",
        other="id expires_at next_query_at candidate_id school_id queried_at handle_until opening_until",
    ),
    Holding(
        "fee_order_line",
        "订单里的费用",
        of="order_id IN (SELECT id FROM fee_order WHERE candidate_id = $1)",
        personal="order_id=订单号 amount_fen=金额（分）",
        other="id fee_id",
    ),
    Holding(
        "fee_refund",
        "退款",
        of="order_id IN (SELECT id FROM fee_order WHERE candidate_id = $1)",
        personal=(
            "number=退款单号 order_id=订单号 amount_fen=金额（分） reason=缘由 state=办理情况 asked_at=提出时间 "
            "decided_at=决定时间 refund_id=微信退款单号 accepted_at=受理时间 settled_at=到账时间"
        ),
        people="asked_by asked_by_name decided_by decided_by_name wished_by wished_by_name",
        keyed="card_print",
        other="id is_automatic trouble next_try_at wish wished_at",
    ),
    Holding(
        "fee_receipt",
        "收据",
        of="order_id IN (SELECT id FROM fee_order WHERE candidate_id = $1)",
        personal="number=收据编号 order_id=订单号 issued_at=开具时间",
        other="id",
    ),
    Holding(
        "binding",
        "微信绑定",
        of="candidate_id = $1",
        personal="account=公众号或小程序 openid=openid unionid=unionid bound_at=绑定时间 unbound_at=解除时间",
        other="id candidate_id",
    ),
    Holding(
        "follower",
        "关注公众号",
        of=(
            "openid IN (SELECT openid FROM binding WHERE candidate_id = $1 AND account = 'oa' AND "
            "unbound_at IS NULL)"
        ),
        personal="openid=openid is_following=是否关注 changed_at=变更时间",
    ),
    Holding(
        "notice_opt_out",
        "不想收到的通知",
        of="candidate_id = $1",
        personal="choice=哪一类 made_at=选择时间",
        other="id candidate_id",
    ),
    Holding(
        "notice_grant",
        "订阅授权",
        of=(
            "(account, openid) IN (SELECT account, openid FROM binding WHERE candidate_id = $1 "
            "AND unbound_at IS NULL)"
        ),
        personal="account=公众号或小程序 openid=openid topic=哪一类 remaining=剩余次数 changed_at=变更时间",
        other="id",
    ),
    Holding(
        "notice_grant_entry",
        "订阅授权的变动",
        of=(
            "grant_id IN (SELECT id FROM notice_grant WHERE (account, openid) IN (SELECT account, "
            "openid FROM binding WHERE candidate_id = $1 AND unbound_at IS NULL))"
        ),
        personal="source=来源 kind=变动 change=次数 said_at=微信所说的时间 at=记录时间",
        other="id teller again delivery_id grant_id",
    ),
    Holding(
        "delivery",
        "发给本人的通知",
        of="candidate_id = $1",
        personal=(
            "account=公众号或小程序 channel=渠道 topic=事情 openid=openid fields_shown=内容 path=打开的页面 state=状态 "
            "msgid=微信消息号 last_error=没有送到的原因 tried=试过的渠道 created_at=产生时间 sent_at=发出时间 "
            "settled_at=有结果的时间 seen_at=本人看到的时间"
        ),
        keyed="dedup",
        other=("id attempts remedy next_try_at candidate_id officer_id retries campaign_id registration_id"),
    ),
    Holding(
        "campaign_listed",
        "群发名单",
        of="candidate_id = $1",
        personal="campaign_id=群发",
        other="id candidate_id",
    ),
    Holding(
        "correction",
        "更正",
        of="candidate_id = $1",
        personal=(
            "kind=更正什么 was_sealed=更正前 becomes_sealed=更正后 reason=缘由 letter_key=函件 state=办理情况 "
            "requested_at=提出时间 decided_at=决定时间 decision_note=决定说明 done_at=完成时间"
        ),
        people="requested_by requested_by_name decided_by decided_by_name",
        keyed="was_index letter_sha256",
        other=(
            "id letter_kind requested_by_school candidate_id certificate_id registration_id school_id "
            "score_change_id"
        ),
    ),
    Holding(
        "correction_certificate",
        "因更正换发的证书",
        of="correction_id IN (SELECT id FROM correction WHERE candidate_id = $1)",
        personal="certificate_id=原证书编号 issuance_id=换发批次",
        other="id correction_id",
    ),
    Holding(
        "portal_row",
        "国家门户名单里的记录",
        of="number IN (SELECT number FROM certificate WHERE candidate_id = $1)",
        personal="number=证书编号 portal_number=门户证书编号 name=姓名 level=等级 issued_on=发证日期",
        keyed="id_index",
        other="id list_id",
    ),
    Holding(
        "portal_difference",
        "与国家门户的差异",
        of="number IN (SELECT number FROM certificate WHERE candidate_id = $1)",
        personal=(
            "number=证书编号 portal_number=门户证书编号 kind=差异 fields_differing=哪里不同 found_at=发现时间 "
            "settled_at=处理时间 note=处理说明"
        ),
        people="settled_by settled_by_name",
        other="id plan_id",
    ),
    Holding(
        "erasure",
        "删除个人信息的申请",
        of="candidate_id = $1",
        personal=(
            "asked_on=书面申请的日期 reason=依据 state=办理情况 requested_at=提出时间 decided_at=决定时间 "
            "decision_note=决定说明 files=待删除的文件 done_at=完成时间"
        ),
        people="requested_by requested_by_name decided_by decided_by_name",
        other="id candidate_id officer_id staff_id enrolment_id",
    ),
    Holding(
        "audit_entry",
        "对本人信息的操作记录",
        of=(
            "(subject_kind = 'candidate' AND subject_id = $1::bigint::text) OR (actor_kind = 'candidate' "
            "AND actor_id = $1::bigint)"
        ),
        personal="at=时间 actor_kind=谁（类别） action=做了什么",
        people="actor_id actor_name was became address",
        other="id subject_kind subject_id request_id",
    ),
)
