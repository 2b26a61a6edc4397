"""Whether WeChat can reach our address, as it says itself: cgi-bin/callback/check (DOC 《网络通信检测》)."""

from __future__ import annotations

from server.adapters.wechat.account import Account
from server.domain.ports import Reachability
from server.errors import WeChatRefused

CHECK = "/cgi-bin/callback/check"
NO_ADDRESS = 40201  # no address for pushes is set in the console


async def reached(account: Account) -> Reachability | None:
    """None when the console holds no address. Raises OutsideFailure."""
    body = {"action": "all", "check_operator": "DEFAULT"}
    try:
        answer = await account.read(CHECK, data=body)
    except WeChatRefused as refusal:
        if refusal.errcode == NO_ADDRESS:
            return None
        raise
    addresses = [str(one.get("ip", "")) for one in answer.get("dns") or []]
    answering = [
        str(one.get("ip", "")) for one in answer.get("ping") or [] if one.get("package_loss") == "0%"
    ]
    return Reachability(tuple(addresses), tuple(answering))
