"""A person who withdrew their authorisation or closed their WeChat account: nothing of theirs is shown any more."""

from __future__ import annotations

import pytest

from server.adapters.wechat import messages
from server.domain.actor import Caller
from server.domain.auth import sessions, web_login
from server.domain.issuance import scan_tickets
from server.domain.notices import delivery, grants
from server.domain.people import bindings, bound_people, ended_sessions, officers
from server.domain.ports import Push, Services, WeChatIdentity, session_keys
from server.domain.wechat_chat import pushes
from server.errors import Refused
from server.models import AuditEntry, Delivery, Follower, Officer, ScanTicket
from tests.kit import issuing, make
from tests.kit.columns import column

NUMBER = make.id_number(4077)


def event(s: Services, kind: str, account: str, who: str, **fields: str) -> Push:
    return Push(
        account, kind, True, who, "gh_1", int(s.clock.unix()), f"{account}:{kind}:{who}", fields=fields
    )


async def bound(s: Services, account: str) -> WeChatIdentity:
    who = WeChatIdentity(account, f"openid-{account}")
    await make.candidate(s, "崔子涵", NUMBER)
    await bindings.bind(s, who, "崔子涵", NUMBER, caller=Caller("203.0.113.9"))
    taker = grants.Taker(account, who.openid, "results")
    await grants.accept(s.clock, taker, source="1", teller="client", said_at=None)
    return who


@pytest.mark.parametrize("kind", ["user_authorization_revoke", "user_authorization_cancellation"])
@pytest.mark.parametrize("account", ["oa", "mp"])
async def test_a_withdrawal_unbinds_the_person_named_by_openid(
    services: Services, kind: str, account: str
) -> None:
    who = await bound(services, account)
    moment = ended_sessions.begins_at(services, account, who.openid)
    push = event(services, kind, account, "wechat-itself", OpenID=who.openid)
    assert [await pushes.receive(services, push) for _ in range(2)] == ["", ""]
    assert await pushes.work(services, push) == ""  # a late repetition
    assert await bound_people.candidate_id_of(who) is None
    assert await grants.remaining(account, who.openid, ["results"]) == {"results": 0}
    assert await AuditEntry.filter(action="binding.unbound").count() == 1
    assert ended_sessions.begins_at(services, account, who.openid) > moment  # its sessions are over


async def put(s: Services, who: WeChatIdentity, name: str) -> None:
    channel = "template" if who.account == "oa" else "mp_subscription"
    fields = {"plan": "2026年秋季", "exam_date": "2026-10-24", "released_at": "2026-11-26 09:00"}
    assert await delivery.enqueue(
        s.clock,
        s.queue,
        "results_released",
        dedup=name,
        to=delivery.Addressee(openid=who.openid, channel=channel),
        fields=fields,
        path="/h5/results",
    )


@pytest.mark.parametrize("account", ["oa", "mp"])
async def test_what_waits_for_somebody_who_withdrew_is_not_sent(services: Services, account: str) -> None:
    who, other = WeChatIdentity(account, "openid-gone"), WeChatIdentity(account, "openid-stays")
    for state in ("pending", "sending", "accepted", "unknown"):
        await put(services, who, state)
        await Delivery.filter(dedup=state).update(state=state)
    await put(services, other, "other")
    push = event(services, "user_authorization_revoke", account, "wechat-itself", OpenID=who.openid)
    for _ in range(2):
        await pushes.work(services, push)
    found = {
        one.dedup: (one.state, one.last_error, one.next_try_at is None, one.settled_at is None)
        for one in await Delivery.all()
    }
    stopped = ("refused", "对方已撤回授权或注销微信账号", True, False)
    assert found["pending"] == found["sending"] == stopped
    assert [found[name][:2] for name in ("accepted", "unknown", "other")] == [
        ("accepted", ""),
        ("unknown", ""),
        ("pending", ""),
    ]


async def test_the_row_of_a_follower_is_deleted_and_only_theirs(services: Services) -> None:
    for openid in ("openid-gone", "openid-stays"):
        await pushes.receive(services, event(services, "subscribe", "oa", openid))
    push = event(services, "user_authorization_cancellation", "oa", "wechat-itself", OpenID="openid-gone")
    await pushes.receive(services, push)
    assert [one.openid for one in await Follower.all()] == ["openid-stays"]


async def test_the_session_key_of_the_mini_program_is_dropped(services: Services) -> None:
    for openid in ("openid-gone", "openid-stays"):
        await services.cache.set(session_keys.name_of(openid), b"sealed", seconds=60)
    push = event(services, "user_authorization_revoke", "mp", "wechat-itself", OpenID="openid-gone")
    await pushes.receive(services, push)
    kept = [await services.cache.get(session_keys.name_of(one)) for one in ("openid-gone", "openid-stays")]
    assert kept == [None, b"sealed"]


@pytest.mark.parametrize(("account", "kind"), [("oa", "h5"), ("mp", "mp")])
async def test_a_session_of_somebody_unbound_ends_too(services: Services, account: str, kind: str) -> None:
    gone = sessions.mint(services, kind, "openid-gone", 3600)
    stays = sessions.mint(services, kind, "openid-stays", 3600)
    push = event(services, "user_authorization_revoke", account, "wechat-itself", OpenID="openid-gone")
    await pushes.receive(services, push)
    with pytest.raises(Refused) as caught:
        sessions.open(services, kind, gone)
    assert caught.value.code == "session_ended"
    assert sessions.open(services, kind, stays).subject == "openid-stays"


async def test_an_officer_with_no_other_account_is_suspended_and_the_open_code_is_dead(
    services: Services,
) -> None:
    of = await issuing.cohort(services)
    shown = await issuing.shown_ticket(services, of)
    officer = await Officer.get(id=of.officer.id)
    push = event(services, "user_authorization_revoke", "oa", "wechat-itself", OpenID=officer.oa_openid)
    for _ in range(2):
        await pushes.work(services, push)
    after = await Officer.get(id=officer.id)
    assert (after.state, after.oa_openid, after.suspended_at is not None) == ("suspended", "", True)
    assert await ScanTicket.filter(replaced_at=None).count() == 0
    with pytest.raises(Refused) as caught:
        await scan_tickets.confirm(services, shown.token, issuing.PIN, identity=of.identity)
    assert caught.value.code == "not_an_officer"
    with pytest.raises(Refused) as caught:
        await officers.resume(services.clock, services.queue, officer.id, actor=make.ISSUER_STAFF)
    assert caught.value.code == "officer_replaced"  # invited anew, not resumed
    done = await column(AuditEntry.filter(subject_kind="officer").order_by("id"), "action")
    assert list(done)[-2:] == ["officer.unbind", "officer.suspend"]


async def test_an_officer_with_the_other_account_goes_on_with_it(services: Services) -> None:
    of = await issuing.cohort(services)
    await Officer.filter(id=of.officer.id).update(mp_openid="mp-of-officer")
    openid = (await Officer.get(id=of.officer.id)).oa_openid
    push = event(services, "user_authorization_cancellation", "oa", "wechat-itself", OpenID=openid)
    await pushes.receive(services, push)
    after = await Officer.get(id=of.officer.id)
    assert (after.state, after.oa_openid, after.mp_openid) == ("active", "", "mp-of-officer")
    assert await AuditEntry.filter(action="officer.unbind").count() == 1


async def test_without_openid_the_sender_is_the_person(services: Services) -> None:
    who = await bound(services, "oa")
    await pushes.receive(services, event(services, "user_authorization_revoke", "oa", who.openid))
    assert await bound_people.candidate_id_of(who) is None


async def test_changed_user_info_and_another_persons_withdrawal_leave_the_binding(services: Services) -> None:
    who = await bound(services, "oa")
    for kind, openid in (("user_info_modified", who.openid), ("user_authorization_revoke", "somebody-else")):
        assert (
            await pushes.receive(services, event(services, kind, "oa", "wechat-itself", OpenID=openid)) == ""
        )
    assert await bound_people.candidate_id_of(who) is not None


def test_withdrawals_of_two_persons_in_one_second_are_two_pushes() -> None:
    account = messages.Account("oa", "wx0", "token", "")
    said = {"FromUserName": "wechat-itself", "CreateTime": "1", "MsgType": "event"}
    said |= {"Event": "user_authorization_revoke"}
    keys = [messages._push(account, {**said, "OpenID": who}, True).key for who in ("a", "b", "a")]
    assert (keys[0] == keys[2], keys[0] == keys[1]) == (True, False)


async def test_who_refuses_the_log_in_is_told_so_and_not_that_it_expired(services: Services) -> None:
    for code in ("", "authdeny"):
        with pytest.raises(Refused) as caught:
            await web_login._exchange(services.wechat_logins, code)
        assert caught.value.code == "consent_refused"
