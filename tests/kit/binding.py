"""Binding, as the tests of it ask."""

from __future__ import annotations

from typing import Any

from server.domain.actor import Caller
from server.domain.people import bindings
from server.domain.ports import Services, WeChatIdentity
from tests.kit import make

ME = WeChatIdentity("oa", "openid-me", "union-me")
MINE_IN_MP = WeChatIdentity("mp", "openid-me-mp", "union-me")
NUMBER = make.id_number(4055)


async def bind(
    s: Services, who: WeChatIdentity, name: str = "崔子涵", number: str = NUMBER, **more: Any
) -> Any:
    caller = Caller("203.0.113.9", "r1")
    return await bindings.bind(s, who, name, number, bindings.Proof(**more), caller=caller)
