"""How a person gets on from an answer in a chat: links in the official account, words in the mini-program's chat.

The pages of the mini-program belong to the mini-program, and what is bound there is bound to another openid than on
our H5 pages (wechat.md §0.6): so its chat never sends a person to those.
"""

from __future__ import annotations

from dataclasses import dataclass


def link(public_url: str, path: str, words: str) -> str:
    """A link as WeChat's texts take it."""
    return f'<a href="{public_url}{path}">{words}</a>'


@dataclass(frozen=True, slots=True)
class Ways:
    """Sentences, each complete. `certificate` has a place `{number}`, or is empty."""

    welcome: str
    bind: str
    rebind: str
    results: str
    certificates: str
    certificate: str
    sign: str
    help: str


def ways(public_url: str, account: str) -> Ways:
    """The ways on in the chat of `account` (oa, mp)."""
    return _official_account(public_url) if account == "oa" else _mini_program(public_url)


def _help(bind: str, verify: str) -> str:
    return (
        "回复“成绩”查询成绩和考证结果；\n回复“证书”查看电子证书和签发进度；\n"
        f"第一次使用请先{bind}。\n"
        f"核验他人出示的证书，请{verify}。\n"
        "信息有误或仍有疑问，请联系报考的院校。"
    )


def _official_account(url: str) -> Ways:
    return Ways(
        welcome="欢迎关注社会心理服务证书公众号。",
        bind=link(url, "/h5/bind", "点此绑定考生信息"),
        rebind=f"绑定、更换或解除考生信息，请{link(url, '/h5/bind', '点此办理')}。",
        results=f"{link(url, '/h5/results', '查看成绩详情')}；查证书请回复“证书”。",
        certificates=f"{link(url, '/h5/certificates', '查看我的证书')}；查成绩请回复“成绩”。",
        certificate=link(url, "/h5/certificates/{number}", "查看、下载电子证书"),
        sign=f"院校签发负责人请{link(url, '/h5/officer', '点此进入院校签发')}；查证书签发进度请回复“证书”。",
        help=_help(link(url, "/h5/bind", "绑定考生信息"), link(url, "/v", "点此核验")),
    )


def _mini_program(url: str) -> Ways:
    return Ways(
        welcome="您好，这里可以查询成绩和证书。",
        bind="请返回小程序绑定考生信息，然后再次查询。",
        rebind="绑定、更换或解除考生信息，请返回小程序办理。",
        results="成绩详情请返回小程序查看；查证书请回复“证书”。",
        certificates="查看、下载电子证书请返回小程序；查成绩请回复“成绩”。",
        certificate="",
        sign="院校签发负责人请返回小程序，扫描电脑屏幕上的签发二维码；查证书签发进度请回复“证书”。",
        help=_help("在小程序内绑定考生信息", link(url, "/v", "点此核验")),
    )
