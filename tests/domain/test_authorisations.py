"""A person who withdrew their authorisation or closed their WeChat account: nothing of theirs is shown any more."""

from __future__ import annotations

import pytest

from server.adapters.wechat import messages
from server.domain.auth import web_login
from server.domain.notices import grants
from server.domain.people import bindings, ended_sessions
from server.domain.ports import Push, Services, WeChatIdentity
from server.domain.wechat_chat import pushes
from server.errors import Refused
from server.models import AuditEntry
from tests import make

NUMBER = make.id_number(4077)


def event(s: Services, kind: str, account: str, who: str, **fields: str) -> Push:
    return Push(account, kind, True, who, "gh_1", s.clock.unix(), f"{account}:{kind}", fields=fields)


async def bound(s: Services, account: str) -> WeChatIdentity:
    who = WeChatIdentity(account, f"openid-{account}")
    await make.candidate(s, "崔子涵", NUMBER)
    await bindings.bind(s, who, "崔子涵", NUMBER, address="203.0.113.9")
    taker = grants.Taker(account, who.openid, "results")
    await grants.accept(s, taker, source="1", teller="client", said_at=None)
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
    assert await bindings.candidate_of(services, who) is None
    assert await grants.left(account, who.openid, ["results"]) == {"results": 0}
    assert await AuditEntry.filter(action="binding.unbound").count() == 1
    assert ended_sessions.begins_at(services, account, who.openid) > moment  # its sessions are over


async def test_without_openid_the_sender_is_the_person(services: Services) -> None:
    who = await bound(services, "oa")
    await pushes.receive(services, event(services, "user_authorization_revoke", "oa", who.openid))
    assert await bindings.candidate_of(services, who) is None


async def test_changed_user_info_and_another_persons_withdrawal_leave_the_binding(services: Services) -> None:
    who = await bound(services, "oa")
    for kind, openid in (("user_info_modified", who.openid), ("user_authorization_revoke", "somebody-else")):
        assert (
            await pushes.receive(services, event(services, kind, "oa", "wechat-itself", OpenID=openid)) == ""
        )
    assert await bindings.candidate_of(services, who) is not None


def test_withdrawals_of_two_persons_in_one_second_are_two_pushes() -> None:
    account = messages.Account("oa", "wx0", "token", "")
    said = {"FromUserName": "wechat-itself", "CreateTime": "1", "MsgType": "event"}
    said |= {"Event": "user_authorization_revoke"}
    keys = [messages._push(account, {**said, "OpenID": who}, True).key for who in ("a", "b", "a")]
    assert (keys[0] == keys[2], keys[0] == keys[1]) == (True, False)


async def test_who_refuses_the_log_in_is_told_so_and_not_that_it_expired(services: Services) -> None:
    for code in ("", "authdeny"):
        with pytest.raises(Refused) as caught:
            await web_login._exchange(services, code)
        assert caught.value.code == "consent_refused"
