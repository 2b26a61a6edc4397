"""What the official account answers in its chat (S93): results, certificates, and why something is not there.

Pure wording over what `lookups` already decided; every answer fits WeChat's 2,048 bytes and says what to do next.
"""

from __future__ import annotations

import unicodedata
from datetime import date, timedelta
from typing import Any

from server.domain import lookups
from server.domain.beijing import say_day
from server.domain.ports import Push, Services, WeChatIdentity
from server.errors import OutsideFailure

LONGEST = 2048  # bytes of a text answer (wechat.md §1.4)

MENU_TRIES, MENU_PAUSE = 24, timedelta(seconds=5)

RESULTS, CERTIFICATES, HELP = "RESULTS", "CERTIFICATES", "HELP"
# The first group with a word in the message decides; 证书成绩 asks for results, 查证书 for certificates.
WORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("BIND", ("绑定", "解绑", "换绑")),
    (RESULTS, ("成绩", "分数", "查分", "得分", "多少分", "合格", "通过", "考证结果", "考试结果", "score")),
    (CERTIFICATES, ("证书", "电子证", "领证", "拿证", "证件下载", "certificate")),
    ("SIGN", ("签发", "负责人", "扫码")),
    (HELP, ("帮助", "菜单", "怎么", "如何", "客服", "人工", "你好", "您好", "help")),
)


def menu(public_url: str) -> dict[str, Any]:
    """The official account's menu (wechat.md §6.1)."""
    return {
        "button": [
            {"type": "click", "name": "查成绩", "key": RESULTS},
            {"type": "click", "name": "查证书", "key": CERTIFICATES},
            {
                "name": "更多",
                "sub_button": [
                    {"type": "view", "name": "身份绑定", "url": f"{public_url}/h5/bind"},
                    {"type": "view", "name": "我的证书", "url": f"{public_url}/h5/certificates"},
                    {"type": "view", "name": "证书核验", "url": f"{public_url}/v"},
                    {"type": "view", "name": "院校签发", "url": f"{public_url}/h5/officer"},
                    {"type": "click", "name": "帮助", "key": HELP},
                ],
            },
        ]
    }


async def apply_menu(s: Services) -> None:
    """Put the menu to WeChat. Raises OutsideFailure."""
    await s.wechat.create_menu(menu(s.settings.public_url))


async def put_menu(s: Services, *, tries: int = 1) -> None:
    """Job `wechat.menu`: put the menu to WeChat; while WeChat does not answer, again every five seconds."""
    try:
        await apply_menu(s)
    except OutsideFailure:
        if tries >= MENU_TRIES:
            raise
        await s.queue.put("wechat.menu", at=s.clock.now() + MENU_PAUSE, tries=tries + 1)


def meant(text: str) -> str | None:
    """What a message asks for: RESULTS, CERTIFICATES, HELP, BIND or None."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    plain = "".join(character for character in plain if not character.isspace())
    if plain in ("?", "help", "1", "2", "3"):
        return {"1": RESULTS, "2": CERTIFICATES}.get(plain, HELP)
    return next((group for group, words in WORDS if any(word in plain for word in words)), None)


async def answer(s: Services, push: Push) -> str:
    """The text that answers a push to the official account; empty when nothing is to be said."""
    who = WeChatIdentity("oa", push.openid)
    if push.is_event:
        match push.kind:
            case "subscribe" | "subscribe_scan":
                return _welcome(s)
            case "click":
                return await _told(s, who, push.event_key)
            case "scan":
                return _help(s)
        return ""
    if push.kind == "text" or (push.kind == "voice" and push.text):
        return await _told(s, who, meant(push.text))
    return _fit(["已收到您的消息，但这里只能看懂文字。"], _help(s))


async def _told(s: Services, who: WeChatIdentity, asked: str | None) -> str:
    if asked == RESULTS:
        return _results(s, await lookups.results_view(s, who))
    if asked == CERTIFICATES:
        return _certificates(s, await lookups.certificates_view(s, who))
    if asked == "BIND":
        return f"绑定、更换或解除考生信息，请{_link(s, '/h5/bind', '点此办理')}。"
    if asked == "SIGN":
        return f"院校签发负责人请{_link(s, '/h5/officer', '点此进入院校签发')}；查证书签发进度请回复“证书”。"
    if asked == HELP:
        return _help(s)
    return _fit(["抱歉，没有看懂您的消息。"], _help(s))


def _link(s: Services, path: str, words: str) -> str:
    return f'<a href="{s.settings.public_url}{path}">{words}</a>'


def _plain(value: object) -> str:
    """A value inside an answer: it can never become a link."""
    return str(value).replace("<", "＜").replace(">", "＞")


def _help(s: Services) -> str:
    return (
        "回复“成绩”查询成绩和考证结果；\n回复“证书”查看电子证书和签发进度；\n"
        f"第一次使用请先{_link(s, '/h5/bind', '绑定考生信息')}。\n"
        f"核验他人出示的证书，请{_link(s, '/v', '点此核验')}。\n"
        "信息有误或仍有疑问，请联系所在院校。"
    )


def _welcome(s: Services) -> str:
    return "欢迎关注社会心理服务证书公众号。\n\n" + _help(s)


def _results(s: Services, view: dict[str, Any]) -> str:
    if not view["bound"]:
        return _not_bound(s, view)
    blocks = [f"【成绩查询】{_plain(view['candidate']['name_masked'])}"]
    blocks += [_result(item) for item in view["items"]]
    blocks += [_notice(notice) for notice in view["notices"]]
    return _fit(blocks, f"{_link(s, '/h5/results', '查看成绩详情')}；查证书请回复“证书”。")


def _result(item: dict[str, Any]) -> str:
    lines = [
        _plain(item["plan"]),
        f"{item['level_name']} · 考核日期 {say_day(date.fromisoformat(item['exam_date']))}",
    ]
    for subject in item["subjects"]:
        mark = f"{subject['score']:g} 分" if subject["score"] is not None else subject["status_name"]
        lines.append(f"{_plain(subject['name'])}：{mark}")
    lines += [f"考证结果：{item['outcome_name']}", item["advice"]]
    return "\n".join(line for line in lines if line)


def _certificates(s: Services, view: dict[str, Any]) -> str:
    if not view["bound"]:
        return _not_bound(s, view)
    blocks = [f"【证书查询】{_plain(view['candidate']['name_masked'])}"]
    blocks += [_certificate(s, item) for item in view["items"]]
    blocks += [_notice(notice) for notice in (*view["withheld"], *view["notices"])]
    return _fit(blocks, f"{_link(s, '/h5/certificates', '查看我的证书')}；查成绩请回复“成绩”。")


def _certificate(s: Services, item: dict[str, Any]) -> str:
    lines = [
        f"{_plain(item['certificate'])}（{item['level_name']}）",
        f"证书编号：{item['number']}",
        f"发证日期：{say_day(date.fromisoformat(item['issued_on']))}",
        f"状态：{item['state_name']}",
        _plain(item["advice"]),
    ]
    if item["state"] == "valid":
        lines.append(_link(s, f"/h5/certificates/{item['number']}", "查看、下载电子证书"))
    return "\n".join(line for line in lines if line)


def _notice(notice: dict[str, Any]) -> str:
    return f"{_plain(notice['title'])}\n{_plain(notice['detail'])}"


def _not_bound(s: Services, view: dict[str, Any]) -> str:
    return _fit([_notice(notice) for notice in view["notices"]], _link(s, "/h5/bind", "点此绑定考生信息"))


def _fit(blocks: list[str], end: str) -> str:
    """As many whole blocks as fit together with the end; what is left out is said."""
    kept: list[str] = []
    for place, block in enumerate(blocks):
        left = len(blocks) - place
        more = f"\n\n还有 {left} 项没有显示，请点下面的链接查看。"
        if _size([*kept, block], end) + len(more.encode()) > LONGEST:
            return "\n\n".join(kept) + more + f"\n\n{end}"
        kept.append(block)
    return "\n\n".join([*kept, end])


def _size(blocks: list[str], end: str) -> int:
    return len("\n\n".join([*blocks, end]).encode())
