"""Access tokens of both families, and the rules by which they come, overlap and go (wechat.md §2)."""

from __future__ import annotations

import secrets

from server.sandbox import limits
from server.sandbox.config import Account
from server.sandbox.platform import Platform
from server.sandbox.refusals import WeChatError


def _make(platform: Platform, account: Account, family: str) -> str:
    """A new token of the longest kind: whoever keeps fewer than 512 characters finds out here."""
    body = secrets.token_urlsafe(limits.TOKEN_LENGTH)
    token = f"{secrets.randbelow(90) + 10}_{body}"[: limits.TOKEN_LENGTH]
    now = platform.clock.now()
    platform.store.put(
        "token",
        token,
        {
            "appid": account.appid,
            "family": family,
            "made_at": now,
            "expires_at": now + limits.TOKEN_SECONDS,
            "replaced": False,
        },
    )
    platform.store.put("token.current", f"{account.appid} {family}", {"token": token})
    return token


def _current(platform: Platform, account: Account, family: str) -> str | None:
    """The newest token of a family if it still lives."""
    current = platform.store.get("token.current", f"{account.appid} {family}")
    if current is None:
        return None
    body = platform.store.get("token", current["token"])
    return str(current["token"]) if body and body["expires_at"] > platform.clock.now() else None


def _leave(platform: Platform, token: str, seconds: float) -> None:
    """Let a replaced token live so much longer, counted from now."""
    body = platform.store.get("token", token)
    if body is not None:
        body.update(expires_at=platform.clock.now() + seconds, replaced=True)
        platform.store.put("token", token, body)


def _seconds_left(platform: Platform, token: str) -> int:
    body = platform.store.get("token", token)
    return int(body["expires_at"] - platform.clock.now()) if body else 0


def plain(platform: Platform, account: Account) -> dict[str, object]:
    """GET cgi-bin/token: always a new one; the one before lives five minutes more at most."""
    before = _current(platform, account, "plain")
    if before is not None:
        _leave(platform, before, min(_seconds_left(platform, before), limits.TOKEN_OVERLAP_SECONDS))
    return {"access_token": _make(platform, account, "plain"), "expires_in": limits.TOKEN_SECONDS}


def stable(platform: Platform, account: Account, *, force: bool) -> dict[str, object]:
    """POST cgi-bin/stable_token: the same one while it lives; a new one in its last five minutes, or by force."""
    before = _current(platform, account, "stable")
    if before is None:
        token = _make(platform, account, "stable")
    elif force and _may_force(platform, account):
        _leave(platform, before, platform.switchboard.now.force_refresh_grace)
        token = _make(platform, account, "stable")
    elif _seconds_left(platform, before) <= limits.TOKEN_OVERLAP_SECONDS:
        _leave(platform, before, limits.TOKEN_OVERLAP_SECONDS)
        token = _make(platform, account, "stable")
    else:
        token = before
    return {"access_token": token, "expires_in": _seconds_left(platform, token)}


def refreshed_elsewhere(platform: Platform) -> None:
    """Somebody else with the same secret has forced new tokens: those that the service holds are worth nothing now."""
    for account in platform.config.accounts:
        for family in ("plain", "stable"):
            if (before := _current(platform, account, family)) is not None:
                _leave(platform, before, 0)
                _make(platform, account, family)
    platform.timeline.note("page", "别处刷新了 access_token", ok=True, verdict="手里的令牌已失效（40001）")


def _may_force(platform: Platform, account: Account) -> bool:
    """Twenty times a day and not twice within thirty seconds; else the same token again."""
    key = f"{account.appid} {platform.clock.day()}"
    forced = platform.store.get("token.forced", key) or {"count": 0, "at": 0.0}
    if platform.clock.now() - forced["at"] < limits.FORCE_REFRESH_GAP_SECONDS:
        return False
    if forced["count"] >= limits.FORCE_REFRESH_A_DAY:
        if platform.switchboard.now.force_refresh_excess == "45009":
            raise WeChatError(45009, verdict="force_refresh 今天已用 20 次")
        return False
    platform.store.put("token.forced", key, {"count": forced["count"] + 1, "at": platform.clock.now()})
    return True


def owner_of(platform: Platform, token: str) -> Account:
    """Whose access token this is.

    Raises:
        WeChatError: 41001 missing, 40014 malformed, 40001 unknown or replaced, 42001 expired.
    """
    if not token:
        raise WeChatError(41001)
    if len(token) != limits.TOKEN_LENGTH or "_" not in token[:4]:
        raise WeChatError(40014)
    body = platform.store.get("token", token)
    if body is None:
        raise WeChatError(40001)
    if body["expires_at"] <= platform.clock.now():
        raise WeChatError(40001 if body["replaced"] else 42001)
    account = platform.by_appid(body["appid"])
    if account is None:
        raise WeChatError(40001)
    return account
