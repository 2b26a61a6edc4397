"""A candidate of whom something stands in every table that can hold something of a candidate."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from server.domain.audit import audit_log
from server.domain.certificates.claims import Line, number_of
from server.domain.levels import Level
from server.domain.people import phones
from server.domain.people.candidates import ABOUT_ID, ABOUT_MOBILE
from server.domain.ports import Services
from server.domain.privacy.personal_copy import Asked
from server.models import (
    Binding,
    Campaign,
    CampaignListed,
    Candidate,
    Certificate,
    Correction,
    Delivery,
    Erasure,
    Fee,
    FeeOrder,
    FeeOrderLine,
    FeeReceipt,
    FeeRefund,
    FeeWaiver,
    Follower,
    Grant,
    GrantEntry,
    NoticeOptOut,
    PaperRun,
    PaperSheet,
    PortalDifference,
    PortalList,
    PortalRow,
    PracticeRecord,
    Price,
    Registration,
    ScoreChange,
)
from tests.kit import correcting, make
from tests.kit.correcting import HOLDER

ASKED = Asked(date(2026, 11, 20), "本人持身份证当面提交申请书")
NUMBER, MOBILE = make.id_number(777), "19912340987"
NAME = "龙雯"


async def whole_person(s: Services) -> Candidate:
    """龙雯, whose certificate was corrected once; nothing of hers is under way."""
    of = await correcting.issued(s, names=(NAME,))
    who = await Candidate.get(id=of.registrations[0].candidate_id)
    await s.file_store.put("photos/one.jpg", b"\xff\xd8\xff photo")
    await Candidate.filter(id=who.id).update(
        id_sealed=s.keys.encrypt(NUMBER, about=ABOUT_ID),
        id_index=s.keys.blind(NUMBER, about=ABOUT_ID),
        mobile_sealed=s.keys.encrypt(MOBILE, about=ABOUT_MOBILE),
        given_phone_sealed=s.keys.encrypt(MOBILE, about=phones.ABOUT),
        given_phone_at=s.clock.now(),
        photo_key="photos/one.jpg",
        major_code="520201",
        major_name="护理",
        major_version="2021",
        major_tier="高职",
    )
    case = await correcting.approved(s, of, name="龙文")
    await correcting.reissued(s, of, case)
    await Correction.filter(id=case.id).update(decision_note="照函件")
    old = await Certificate.get(registration_id=of.registrations[0].id, state="superseded")
    await _more_of_the_certificate(s, old)
    await _exams(s, of.registrations[0])
    await _money(s, of.registrations[0])
    await _notices(s, who)
    await _portal(s, old)
    await Erasure.create(
        candidate=who, asked_on=date(2026, 11, 1), reason=f"{NAME}当面提交申请书", state="refused", requested_by=1,
        requested_by_name="王敏", requested_at=s.clock.now(), decided_by=2, decided_by_name="李强",
        decided_at=s.clock.now(), decision_note=f"{NAME}的考试还没有结束",
    )  # fmt: skip
    await audit_log.record(s.clock, make.OPERATOR, "candidate.view", "candidate", who.id)
    return await Candidate.get(id=who.id)


async def _more_of_the_certificate(s: Services, of: Certificate) -> None:
    now = s.clock.now()
    await Certificate.filter(id=of.id).update(
        printed_id_sealed=s.keys.encrypt(NUMBER, about=ABOUT_ID),
        portal_number="1X2026000001",
        expires_on=date(2036, 1, 1),
        revoked_at=now,
        revoke_reason=f"{NAME}的已换发",
    )
    reserved = number_of("26", "SPS", Level.PRIMARY, 99_000_001)
    line = replace(Line.from_bytes(bytes(of.line)), number=reserved)
    await Certificate.create(  # a number that was reserved under the former name and never became a certificate
        number=reserved, state="void", line=line.to_bytes(), issuance_id=of.issuance_id,
        registration_id=of.registration_id, candidate_id=of.candidate_id,
    )  # fmt: skip
    run = await PaperRun.create(
        issuance_id=of.issuance_id, state="cancelled", prefix="A", width=7, first_sheet=1, last_sheet=1, slip="SLIP",
        holder_name="", created_by=1, created_by_name="王敏", created_at=now,
    )  # fmt: skip
    await PaperSheet.create(
        run=run, number=1, serial="A0000001", certificate=of, state="spoiled", spoiled_reason=f"{NAME}的印歪", spoiled_by=1,
        spoiled_by_name="王敏", spoiled_at=now,
    )  # fmt: skip


async def _exams(s: Services, of: Registration) -> None:
    now = s.clock.now()
    await PracticeRecord.create(
        candidate_id=of.candidate_id,
        level="primary",
        practice_hours=Decimal(30),
        supervision_hours=Decimal(6),
    )
    await ScoreChange.create(
        registration=of, subject=make.SUBJECT, was_status="scored", was_score=Decimal("70.0"), status="scored",
        score=Decimal("78.5"), reason="复核", state="approved", requested_by=1, requested_by_name="王敏",
        requested_at=now, decided_by=2, decided_by_name="李强", decided_at=now, decision_note="同意",
    )  # fmt: skip


async def _money(s: Services, of: Registration) -> None:
    now = s.clock.now()
    price = await Price.create(
        plan_id=of.plan_id, level="primary", candidate_kind="social", amount_fen=12050, from_on=date(2026, 1, 1), set_by=1,
        set_by_name="王敏", set_at=now,
    )  # fmt: skip
    order = await FeeOrder.create(
        number="XC20261120000001", candidate_id=of.candidate_id, account="oa", way="jsapi", openid=HOLDER,
        description="考试费", total_fen=12050, refunded_fen=12050, state="refunded", expires_at=now,
        transaction_id="4200000001", paid_at=now, created_at=now,
    )  # fmt: skip
    fee = await Fee.create(
        registration=of,
        candidate_id=of.candidate_id,
        amount_fen=12050,
        state="refunded",
        price=price,
        created_at=now,
        settled_by=order,
    )
    await FeeOrderLine.create(order=order, fee=fee, amount_fen=12050)
    await FeeWaiver.create(
        fee=fee, reason=f"{NAME}建档立卡", state="declined", asked_by=1, asked_by_name="王敏", asked_at=now, decided_by=2,
        decided_by_name="李强", decided_at=now,
    )  # fmt: skip
    await FeeRefund.create(
        number="RF0001", order=order, amount_fen=12050, reason=f"{NAME}缺考", state="done", asked_by=1, asked_by_name="王敏",
        asked_at=now, decided_by=2, decided_by_name="李强", decided_at=now, refund_id="5000001", accepted_at=now,
        settled_at=now,
    )  # fmt: skip
    await FeeReceipt.create(order=order, number="SJ2026000001", issued_at=now)


async def _notices(s: Services, who: Candidate) -> None:
    now = s.clock.now()
    await Binding.filter(candidate_id=who.id).update(unionid="uHolder")
    await Binding.create(
        account="mp", openid="mFormer", candidate=who, bound_at=now - timedelta(days=9), unbound_at=now
    )
    await Follower.create(openid=HOLDER, is_following=True, changed_at=now)
    await NoticeOptOut.create(candidate=who, choice="campaigns", made_at=now)
    grant = await Grant.create(
        account="oa", openid=HOLDER, topic="results_released", remaining=1, changed_at=now
    )
    await GrantEntry.create(
        grant=grant,
        source=f"{HOLDER}:1700000000:0",
        kind="accepted",
        change=1,
        teller="event",
        said_at=now,
        at=now,
    )
    await Delivery.create(
        dedup=f"test:{who.id}", topic="results_released", openid=HOLDER, candidate=who, path="/h5/results",
        fields_shown={"name": "龙**"}, state="delivered", msgid="100001", last_error="稍后再试",
        tried=[{"channel": "template", "why": "43004"}], sent_at=now, settled_at=now, seen_at=now,
    )  # fmt: skip
    campaign = await Campaign.create(
        name="缴费提醒", kind="other", ways=[], audience={}, state="cancelled", not_after=now, author_id=1, per_second=1, per_day=1,
        author_name="王敏", created_at=now,
    )  # fmt: skip
    await CampaignListed.create(campaign=campaign, candidate=who)


async def _portal(s: Services, of: Certificate) -> None:
    now = s.clock.now()
    brought = await PortalList.create(taken_at=now, taken_by_name="王敏", rows=1)
    await PortalRow.create(
        list=brought, number=of.number, portal_number="1X2026000001", name=NAME,
        id_index=s.keys.blind(NUMBER, about=ABOUT_ID), level="primary", issued_on=date(2026, 11, 20),
    )  # fmt: skip
    await PortalDifference.create(
        kind="differs", plan_id=(await of.issuance).plan_id, number=of.number, portal_number="1X2026000001",
        fields_differing=f'[["name", "龙文", "{NAME}"]]', found_at=now, settled_at=now, settled_by=1,
        settled_by_name="王敏", note=f"{NAME}的已告知门户",
    )  # fmt: skip
