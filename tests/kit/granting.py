"""Grants of subscriptions, as WeChat tells of them."""

from __future__ import annotations

import random
from typing import Any

from server.domain.notices import grants
from server.domain.ports import Push, Services
from tests.kit.fakes import FakeClock

OPENID = "m-candidate-000000000000000"
RESULTS, CERTIFICATES = "mp-template-result", "mp-template-certificate"


def clock(s: Services) -> FakeClock:
    assert isinstance(s.clock, FakeClock)
    return s.clock


def push(
    s: Services, kind: str, *answers: dict[str, str], key: str = "", json: bool = False, **more: Any
) -> Push:
    """A push about subscriptions, as XML (nested) or JSON (flat) arrives; one element is an object."""
    inner: Any = answers[0] if len(answers) == 1 else list(answers)
    name = {
        "popup": "SubscribeMsgPopupEvent",
        "change": "SubscribeMsgChangeEvent",
        "sent": "SubscribeMsgSentEvent",
    }
    return Push(
        account=more.get("account", "mp"),
        kind=f"subscribe_msg_{kind}_event",
        is_event=True,
        openid=more.get("openid", OPENID),
        to="gh_1",
        created=more.get("created", int(s.clock.now().timestamp())),
        key=key or f"mp:event:{random.random()}",
        fields={"List": inner} if json else {name[kind]: {"List": inner}},
    )


def answer_of(template: str = RESULTS, status: str = "accept") -> dict[str, str]:
    return {"TemplateId": template, "SubscribeStatusString": status, "PopupScene": "0"}


async def popup(s: Services, *answers: dict[str, str], **more: Any) -> None:
    await grants.taken_in(s, push(s, "popup", *(answers or (answer_of(),)), **more))


async def grants_left(account: str = "mp", openid: str = OPENID) -> dict[str, int]:
    return await grants.remaining(account, openid, ["results_released", "certificate_issued"])


async def remaining() -> int:
    return (await grants_left())["results_released"]
