"""What is said once, on the next page, about what was just done: kept in a short cookie by its code, never as words.

So every form that succeeds is answered with a redirect, and going back or refreshing says nothing again.
"""

from __future__ import annotations

from dataclasses import dataclass

from sanic import HTTPResponse, Request

from server.web.request import drop_cookie, set_cookie

COOKIE = "xcert_said"
SECONDS = 120  # a page that is not opened by then says nothing


@dataclass(frozen=True, slots=True)
class Said:
    """One thing to say. `is_passing`: it goes away by itself; other pages show it where they have room for it."""

    text: str
    title: str = ""
    is_passing: bool = True


SENTENCES = {
    "bound": Said("绑定成功"),
    "unbound": Said(
        "本微信不再能查询这位考生的成绩和证书，其他手机上的登录也已退出。需要时可以重新绑定。",
        "已解除绑定",
        is_passing=False,
    ),
    "saved": Said("已保存"),
    "officer": Said("签发密码已设置。请牢记，不要告诉任何人。", "您已成为签发负责人", is_passing=False),
    "pin": Said("新的签发密码已设置，从现在起用新的密码签发。", "签发密码已更改", is_passing=False),
}


def say(request: Request, response: HTTPResponse, code: str) -> HTTPResponse:
    """Have the page that this redirect leads to say it.

    Args:
        code: one of SENTENCES.
    """
    assert code in SENTENCES
    set_cookie(request, response, COOKIE, code, seconds=SECONDS)
    return response


def said(request: Request) -> Said | None:
    """What this page is to say; None: nothing."""
    return SENTENCES.get(request.cookies.get(COOKIE) or "")


def forget(request: Request, response: HTTPResponse) -> None:
    """It has been said."""
    if COOKIE in request.cookies:
        drop_cookie(request, response, COOKIE)
