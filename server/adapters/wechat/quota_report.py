"""Our count of today's calls beside WeChat's own, and how WeChat's is begun anew (wechat.md §2)."""

from __future__ import annotations

from server.adapters.wechat.account import Account
from server.adapters.wechat.errcodes import STABLE_TOKEN
from server.domain.ports import ApiUsage, OfficialUsage
from server.errors import OutsideFailure, WeChatRefused

GET = "/cgi-bin/openapi/quota/get"
CLEAR = "/cgi-bin/clear_quota/v2"  # wants no token, so it works when the token's own quota is used up
_NOT_ASKED = ("/sns/", "/cgi-bin/openapi/", "/cgi-bin/clear_quota", STABLE_TOKEN)  # 76022 there


async def usage(account: Account) -> list[ApiUsage]:
    """Every API that was called today or is closed, by path."""
    counted = await account.books.quota.today(account.appid)
    closed = {one.path: one.until for one in await account.books.quota.closed(account.appid)}
    lines = []
    for path in sorted(counted.keys() | closed.keys()):
        theirs, why_not = await _theirs(account, path)
        lines.append(ApiUsage(path, counted.get(path, 0), theirs, why_not, closed.get(path)))
    return lines


async def _theirs(account: Account, path: str) -> tuple[OfficialUsage | None, str]:
    if path.startswith(_NOT_ASKED):
        return None, "不按天计"
    try:
        answer = await account.read(GET, data={"cgi_path": path})
        quota = answer["quota"]
        return OfficialUsage(int(quota["daily_limit"]), int(quota["used"]), int(quota["remain"])), ""
    except WeChatRefused as refusal:
        return None, f"错误 {refusal.errcode}"
    except (OutsideFailure, KeyError, TypeError, ValueError) as problem:
        return None, type(problem).__name__


async def clear(account: Account) -> None:
    """Begin all of WeChat's counters of this account anew, ten times a month at most, and open what was closed.

    Raises:
        WeChatRefused: 48006, none left this month.
    """
    body = {"appid": account.appid, "appsecret": account.secret}
    await account.transport.call("POST", CLEAR, data=body)
    await account.books.quota.reopen(account.appid)
