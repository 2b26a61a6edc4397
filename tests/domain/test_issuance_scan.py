"""The officer's scan: what it takes, every refusal with its own code, and one effect however often it is sent."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from server.domain.actor import Caller
from server.domain.issuance import organisation, receipts, scan_policy, scan_tickets, scan_token
from server.domain.issuance.states import BatchState
from server.domain.people import officers
from server.domain.ports import Services, WeChatIdentity
from server.errors import Refused
from server.models import AuditEntry, Candidate, Issuance, Officer, Receipt, Registration, ScanTicket
from tests.kit import issuing, make
from tests.kit.exchange import exchange
from tests.kit.fakes import FakeClock, MemoryEventBus
from tests.kit.issuing import PIN, Cohort
from tests.kit.refusals import code_of
from tests.kit.scanning import untouched


@pytest.mark.rule("C2")
async def test_a_shown_ticket_fits_a_link_and_a_scene(
    services: Services, of: Cohort, shown: scan_tickets.ShownTicket
) -> None:
    batch = await Issuance.get(plan_id=of.plan.id)
    assert shown.url == f"http://127.0.0.1:8000/s/{shown.token}"
    assert (shown.scene, len(shown.scene), shown.revision) == (shown.token, 32, 1)
    assert shown.expires_at == services.clock.now() + timedelta(minutes=5)
    row = await ScanTicket.get(id=shown.id)
    assert (row.issuance_id, row.school_id, row.shown_by) == (batch.id, of.school.id, "签发员")
    assert bytes(row.list_sha256) == bytes(batch.list_sha256 or b"")


@pytest.mark.rule("S86")
async def test_confirming_signs_ticket_state_audit_and_receipt_at_once(
    services: Services, of: Cohort, shown: scan_tickets.ShownTicket
) -> None:
    outcome = await scan_tickets.confirm(
        services,
        shown.token,
        PIN,
        identity=of.identity,
        caller=Caller("203.0.113.9", "r1"),
    )
    batch = await Issuance.get(plan_id=of.plan.id)
    assert (outcome.state, batch.state, batch.school_signed_at) == (
        BatchState.SCHOOL_SIGNED,
        "school_signed",
        services.clock.now(),
    )
    ticket = await ScanTicket.get(id=shown.id)
    assert (ticket.spent_by_id, ticket.spent_as, ticket.spent_at) == (
        of.officer.id,
        "confirm_scan",
        services.clock.now(),
    )
    [receipt] = await Receipt.all()
    assert bytes(receipt.document) == outcome.receipt
    assert receipts.verify(services.keys, outcome.receipt) == receipts.Statement(
        action="confirm_scan",
        issuance=batch.id,
        revision=1,
        list_sha256=bytes(batch.list_sha256 or b"").hex(),
        count=4,
        plan=of.plan.name,
        level="初级",
        officer=of.officer.id,
        officer_name="王签发",
        school=of.school.id,
        school_name=of.school.name,
        ticket=f"{shown.id:016x}",
        at="2026-11-23T12:00:00.000+08:00",
        certificate=make.KIND,
        issuer=services.settings.issuer,
        issuer_signer="签发员",
        site=of.site.name,
        exam_date="2023-09-22",
    )
    entry = await AuditEntry.get(action="issuance.confirm_scan")
    assert (entry.actor_kind, entry.actor_id, entry.address, entry.request_id) == (
        "officer",
        of.officer.id,
        "203.0.113.9",
        "r1",
    )
    assert entry.was == {"state": "site_pending", "revision": 1}
    assert isinstance(services.event_bus, MemoryEventBus)
    told = [
        event["event"] for channel, event in services.event_bus.events if channel == f"issuance:{batch.id}"
    ]
    assert told[-2:] == ["confirmed", "state"]


async def test_looking_is_told_once_and_signs_nothing(
    services: Services, of: Cohort, shown: scan_tickets.ShownTicket
) -> None:
    for _ in range(3):
        await scan_tickets.look(services, shown.token, identity=of.identity)
    assert isinstance(services.event_bus, MemoryEventBus)
    assert [e["event"] for _, e in services.event_bus.events].count("opened") == 1
    await untouched(of)


async def test_returning_keeps_the_reason_and_a_receipt(
    services: Services, of: Cohort, shown: scan_tickets.ShownTicket
) -> None:
    outcome = await scan_tickets.return_batch(
        services, shown.token, PIN, " 第2位 \0 姓名有误\n", identity=of.identity
    )
    batch = await Issuance.get(plan_id=of.plan.id)
    assert (batch.state, batch.return_reason) == ("returned", "第2位 姓名有误")
    said = receipts.verify(services.keys, outcome.receipt)
    assert (said.action, said.reason) == ("school_return", "第2位 姓名有误")


async def test_a_double_tap_gets_the_first_answer_again(
    services: Services, of: Cohort, shown: scan_tickets.ShownTicket, clock: FakeClock
) -> None:
    first = await scan_tickets.confirm(services, shown.token, PIN, identity=of.identity)
    clock.forward(minutes=30)
    assert await scan_tickets.confirm(services, shown.token, PIN, identity=of.identity) == first
    assert await Receipt.all().count() == 1
    assert await AuditEntry.filter(action="issuance.confirm_scan").count() == 1
    view = await scan_tickets.look(services, shown.token, identity=of.identity)
    assert (view.receipt, view.spent_as) == (first.receipt, "confirm_scan")


async def test_the_other_action_on_a_spent_ticket_is_refused(
    services: Services, of: Cohort, shown: scan_tickets.ShownTicket
) -> None:
    await scan_tickets.confirm(services, shown.token, PIN, identity=of.identity)
    again = scan_tickets.return_batch(services, shown.token, PIN, "看错了", identity=of.identity)
    assert await code_of(again) == "scan_spent"


async def test_spent_by_a_colleague(services: Services, of: Cohort, shown: scan_tickets.ShownTicket) -> None:
    await issuing.officer(services, of.school, "oColleague")
    colleague = issuing.oa("oColleague")
    await scan_tickets.confirm(services, shown.token, PIN, identity=of.identity)
    assert await code_of(scan_tickets.confirm(services, shown.token, PIN, identity=colleague)) == "scan_spent"
    assert await code_of(scan_tickets.look(services, shown.token, identity=colleague)) == "scan_spent"
    assert await Receipt.all().count() == 1


# Every refusal of the issue's list: what is done to the world, and the code that the officer then gets.
Break = Callable[
    [Services, Cohort, scan_tickets.ShownTicket, FakeClock], Awaitable[tuple[str, str, WeChatIdentity]]
]
REFUSALS: dict[str, Break] = {}


def refuses(code: str) -> Callable[[Break], Break]:
    def keep(break_it: Break) -> Break:
        REFUSALS[f"{break_it.__name__}: {code}"] = break_it
        return break_it

    return keep


@refuses("scan_forged")
async def forged(s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock) -> Any:
    return t.token[:-1] + ("A" if t.token[-1] != "A" else "B"), PIN, of.identity


@refuses("scan_forged")
async def of_no_ticket(s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock) -> Any:
    await ScanTicket.filter(id=t.id).delete()
    return t.token, PIN, of.identity


@refuses("scan_forged")
async def of_a_number_too_large(s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock) -> Any:
    return "_" * 32, PIN, of.identity


@refuses("scan_malformed")
async def truncated(s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock) -> Any:
    return t.token[:31], PIN, of.identity


@refuses("scan_forged")
async def resigned(s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock) -> Any:
    row = scan_policy.ticket_of(await ScanTicket.get(id=t.id))
    return scan_token.mint(lambda m: hmac.digest(b"another key", m, "sha256"), row), PIN, of.identity


@refuses("scan_forged")
async def row_changed_under_the_token(
    s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock
) -> Any:
    await ScanTicket.filter(id=t.id).update(expires_at=c.now() + timedelta(days=9))
    return t.token, PIN, of.identity


@refuses("scan_forged")
async def key_epoch_unknown(s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock) -> Any:
    await ScanTicket.filter(id=t.id).update(key_epoch=99)
    return t.token, PIN, of.identity


@refuses("scan_expired")
async def expired(s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock) -> Any:
    c.forward(seconds=301)
    return t.token, PIN, of.identity


@refuses("scan_clock")
async def clock_301_behind(s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock) -> Any:
    c.forward(seconds=-301)
    return t.token, PIN, of.identity


@refuses("scan_replaced")
async def replaced(s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock) -> Any:
    batch = await Issuance.get(plan_id=of.plan.id)
    await scan_tickets.show(s, batch.id, actor=make.ISSUER_STAFF)
    return t.token, PIN, of.identity


@refuses("revision_moved")
async def revision_moved(s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock) -> Any:
    batch = await Issuance.get(plan_id=of.plan.id)
    await organisation.withdraw(s, batch.id, actor=make.ISSUER_STAFF)
    await organisation.org_sign(s, batch.id, actor=make.ISSUER_STAFF)
    return t.token, PIN, of.identity


@refuses("list_changed")
async def name_changed_by_one_character(
    s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock
) -> Any:
    await Candidate.filter(name="崔子涵").update(name="崔子函")
    return t.token, PIN, of.identity


@refuses("list_changed")
async def someone_no_longer_passed(s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock) -> Any:
    await Registration.filter(id=of.registrations[0].id).update(outcome="misconduct")
    return t.token, PIN, of.identity


@refuses("list_changed")
async def someone_passed_meanwhile(s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock) -> Any:
    await make.registration(s, await make.candidate(s, "晚通过", at=of.school), on=of.plan, at=of.site)
    return t.token, PIN, of.identity


@refuses("list_changed")
async def school_renamed(s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock) -> Any:
    of.school.name += "（东校区）"
    await of.school.save(update_fields=["name"])
    return t.token, PIN, of.identity


@refuses("other_school")
async def officer_of_another_school(
    s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock
) -> Any:
    await issuing.officer(s, await make.school(), "oOther")
    return t.token, PIN, issuing.oa("oOther")


@refuses("officer_suspended")
async def suspended(s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock) -> Any:
    await officers.suspend(s.clock, s.event_bus, of.officer.id, actor=make.ADMIN)
    return t.token, PIN, of.identity


@refuses("pin_wrong")
async def wrong_pin(s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock) -> Any:
    return t.token, "594837", of.identity


@refuses("pin_locked")
async def locked_pin(s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock) -> Any:
    await Officer.filter(id=of.officer.id).update(
        pin_failures=5, pin_locked_until=c.now() + timedelta(minutes=15)
    )
    return t.token, PIN, of.identity


@refuses("not_an_officer")
async def not_an_officer(s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock) -> Any:
    return t.token, PIN, issuing.oa("oStranger")


@refuses("not_an_officer")
async def the_same_openid_in_the_other_account(
    s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock
) -> Any:
    return t.token, PIN, WeChatIdentity("mp", of.identity.openid)


@refuses("snapshot_user")
async def snapshot_user(s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock) -> Any:
    return t.token, PIN, WeChatIdentity("oa", of.identity.openid, is_snapshot=True)


@refuses("not_site_pending")
async def batch_not_pending(s: Services, of: Cohort, t: scan_tickets.ShownTicket, c: FakeClock) -> Any:
    await Issuance.filter(plan_id=of.plan.id).update(state="prepared")
    return t.token, PIN, of.identity


@pytest.mark.parametrize("name", REFUSALS)
async def test_refusals(
    services: Services, of: Cohort, shown: scan_tickets.ShownTicket, clock: FakeClock, name: str
) -> None:
    token, pin, identity = await REFUSALS[name](services, of, shown, clock)
    expected = name.split(": ")[1]
    assert await code_of(scan_tickets.confirm(services, token, pin, identity=identity)) == expected
    if expected not in ("pin_wrong", "pin_locked"):
        assert await code_of(scan_tickets.look(services, token, identity=identity)) == expected
    await untouched(of)


async def test_300_seconds_either_way_are_in_time(
    services: Services, of: Cohort, shown: scan_tickets.ShownTicket, clock: FakeClock
) -> None:
    clock.forward(seconds=-300)
    await scan_tickets.look(services, shown.token, identity=of.identity)
    clock.forward(seconds=600)
    await scan_tickets.confirm(services, shown.token, PIN, identity=of.identity)


@pytest.mark.parametrize("reason", ["", " \n\t", "长" * 301])
async def test_a_return_without_a_fit_reason_is_refused(
    services: Services, of: Cohort, shown: scan_tickets.ShownTicket, reason: str
) -> None:
    call = scan_tickets.return_batch(services, shown.token, PIN, reason, identity=of.identity)
    with pytest.raises(Refused) as refused:
        await call
    assert refused.value.errors[0].code in ("reason_missing", "reason_too_long")  # type: ignore[attr-defined]
    await untouched(of)


async def test_old_key_epochs_go_on_being_read(services: Services, of: Cohort, tmp_path: Any) -> None:
    from server.adapters import keys

    folder = tmp_path / "rotating"
    keys.create(folder, development=True, organisation="某机构")
    exchange(services, keys=keys.KeyFolder(folder, production=False))
    fresh = await issuing.cohort(services)
    shown = await issuing.shown_ticket(services, fresh)
    keys.rotate(folder, "scan", organisation="某机构")
    exchange(services, keys=keys.KeyFolder(folder, production=False))
    assert services.keys.epoch("scan") == 2
    assert (
        await scan_tickets.confirm(services, shown.token, PIN, identity=fresh.identity)
    ).state is BatchState.SCHOOL_SIGNED
