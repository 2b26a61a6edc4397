"""Whether WeChat can reach our address, as it says itself: cgi-bin/callback/check (DOC 《网络通信检测》)."""

from __future__ import annotations

from dataclasses import dataclass

from server.adapters.wechat.accounts import Account

CHECK = "/cgi-bin/callback/check"
NO_ADDRESS = 40201  # no address for pushes is set in the console


@dataclass(frozen=True, slots=True)
class Reached:
    """The addresses that WeChat resolved our host to, and those of them that answered its one ping."""

    addresses: tuple[str, ...]
    answering: tuple[str, ...]


async def reached(account: Account) -> Reached:
    """Raises OutsideFailure; WeChatRefused 40201 when the console holds no address."""
    asked = {"action": "all", "check_operator": "DEFAULT"}
    told = await account.read(CHECK, data=asked)
    named = [str(one.get("ip", "")) for one in told.get("dns") or []]
    alive = [str(one.get("ip", "")) for one in told.get("ping") or [] if one.get("package_loss") == "0%"]
    return Reached(tuple(named), tuple(alive))
