"""Messages to people: template, subscription and customer-service messages (wechat.md §4.5, §5, §6.5).

None is ever repeated here: a send whose answer is lost may have arrived, and only its caller knows what that means.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from server.adapters.wechat.account import Account
from server.errors import OutsideFailure

CUSTOM = "/cgi-bin/message/custom/send"
TEMPLATE = "/cgi-bin/message/template/send"
BIZSEND = "/cgi-bin/message/subscribe/bizsend"
SUBSCRIBE = "/cgi-bin/message/subscribe/send"


async def template(
    account: Account,
    openid: str,
    template_id: str,
    fields: Mapping[str, str],
    *,
    url: str | None,
    dedup_id: str,
) -> str:
    """A template message; returns msgid. WeChat suppresses a second one of the same `dedup_id` for ten minutes."""
    data: dict[str, Any] = {
        "touser": openid,
        "template_id": template_id,
        "client_msg_id": hashlib.sha256(dedup_id.encode()).hexdigest()[:32],
        "data": _values(fields),
    }
    if url:
        data["url"] = url
    return _msgid(await account.post(TEMPLATE, data))


async def subscription(
    account: Account,
    openid: str,
    template_id: str,
    fields: Mapping[str, str],
    *,
    page: str | None,
    state: str,
) -> str:
    """A subscription message against one grant; returns msgid for a mini-program, "" for a service account.

    Args:
        state: the version of the mini-program that a tap opens: developer, trial or formal.
    """
    data: dict[str, Any] = {"touser": openid, "template_id": template_id, "data": _values(fields)}
    if page:
        data["page"] = page
    if account.kind == "oa":
        await account.post(BIZSEND, data)
        return ""
    data |= {"miniprogram_state": state, "lang": "zh_CN"}
    return _msgid(await account.post(SUBSCRIBE, data))


async def text(account: Account, openid: str, content: str) -> None:
    """A customer-service message, inside its window only (45015 outside, 45047 too many)."""
    await account.post(CUSTOM, {"touser": openid, "msgtype": "text", "text": {"content": content}})


def _values(fields: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {name: {"value": value} for name, value in fields.items()}


def _msgid(answer: dict[str, Any]) -> str:
    if not answer.get("msgid"):
        raise OutsideFailure("微信的回答里没有消息编号", unknown=True)
    return str(answer["msgid"])
