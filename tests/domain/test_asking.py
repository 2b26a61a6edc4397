"""Which subscriptions a person is asked for: what helps, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.domain.actor import Actor
from server.domain.notices import asking, choices, grants
from server.domain.notices.grants import Taker
from server.domain.notices.topics import TOPICS
from server.domain.ports import Services, WeChatIdentity
from server.domain.wechat_chat import js_sdk
from server.models import Follower
from server.settings import Settings
from tests.kit import make
from tests.kit.campaigning import bind
from tests.kit.exchange import exchange

BOTH = ["results_released", "certificate_issued"]
ME = WeChatIdentity("oa", "o-me")


async def ask(s: Services, who: WeChatIdentity = ME, topics: list[str] | None = None) -> list[str]:
    return await asking.worth_asking(s.settings, who, topics or BOTH)


async def test_who_follows_gets_template_messages_and_is_not_asked(services: Services) -> None:
    assert await ask(services) == BOTH  # nobody told us whether
    await Follower.create(openid=ME.openid, is_following=False, changed_at=services.clock.now())
    assert await ask(services) == BOTH
    await Follower.all().update(is_following=True)
    assert await ask(services) == []
    exchange(services, settings=replace(services.settings, oa_template_result=""))
    assert await ask(services) == ["results_released"]  # there is no template message of it


async def test_one_accept_that_is_left_is_enough(services: Services) -> None:
    taker = Taker("oa", ME.openid, "results_released")
    await grants.accept(services.clock, taker, source="a", teller="client")
    assert await ask(services) == ["certificate_issued"]
    assert await grants.spend(services.clock, taker, 1, "1")
    assert await ask(services) == BOTH


async def test_what_is_not_wanted_or_not_configured_is_not_asked_for(services: Services) -> None:
    money = ["fee_due", "fee_closing", "fee_paid"]
    assert await ask(services, topics=money) == []
    ids = {f"oa_subscribe_{name}": f"t-{name}" for name in money}
    exchange(services, settings=replace(services.settings, **ids))  # type: ignore[arg-type]  # all are text
    who = await make.candidate(services)
    me = WeChatIdentity("oa", await bind(who))
    assert await ask(services, me, money) == money
    actor = Actor("candidate", who.id, "考生", address="127.0.0.1", request_id="test")
    await choices.choose(services.clock, who.id, "fees", wants=False, actor=actor)
    assert await ask(services, me, money) == ["fee_paid"]


@pytest.mark.parametrize(
    ("long_term", "asked"),
    [
        ("", "oa-subscribe-result,oa-subscribe-certificate"),
        ("WECHAT_OA_SUBSCRIBE_RESULT", "oa-subscribe-result"),
        (
            "WECHAT_OA_SUBSCRIBE_CERTIFICATE，WECHAT_OA_SUBSCRIBE_RESULT",
            "oa-subscribe-result,oa-subscribe-certificate",
        ),
    ],
)
def test_one_time_and_long_term_are_not_asked_for_at_once(
    settings: Settings, long_term: str, asked: str
) -> None:
    chosen = replace(settings, long_term_templates=long_term)
    assert js_sdk.subscription_templates(chosen, BOTH) == asked
    assert TOPICS["results_released"].is_long_term(chosen, "oa_subscription") == ("RESULT" in long_term)
    assert not TOPICS["signing_reminder"].is_long_term(chosen, "oa_subscription")
