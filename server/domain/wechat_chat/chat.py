"""What our accounts answer in their chats (S93): results, certificates, and why something is not there.

Pure wording over what `lookups` already decided; every answer fits WeChat's 2,048 bytes and says what to do next.
"""

from __future__ import annotations

import unicodedata

from server.domain import lookups
from server.domain.beijing import say_day
from server.domain.campaigns import rehearsal
from server.domain.certificates.states import CertificateState
from server.domain.lookups.views import (
    CertificateItem,
    CertificatesView,
    Notice,
    ResultItem,
    ResultsView,
    Withheld,
)
from server.domain.ports import Push, Services, WeChatIdentity
from server.domain.wechat_chat import chat_codes
from server.domain.wechat_chat.chat_ways import Ways, ways

LONGEST = 2048  # bytes of a text answer (wechat.md §1.4)

RESULTS, CERTIFICATES, HELP = "RESULTS", "CERTIFICATES", "HELP"
# The first group with a word in the message decides; 证书成绩 asks for results, 查证书 for certificates.
WORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("BIND", ("绑定", "解绑", "换绑")),
    (RESULTS, ("成绩", "分数", "查分", "得分", "多少分", "合格", "通过", "考证结果", "考试结果", "score")),
    (CERTIFICATES, ("证书", "电子证", "领证", "拿证", "证件下载", "certificate")),
    ("SIGN", ("签发", "负责人", "扫码")),
    (HELP, ("帮助", "菜单", "怎么", "如何", "客服", "人工", "你好", "您好", "help")),
)


def meant(text: str) -> str | None:
    """What a message asks for: RESULTS, CERTIFICATES, HELP, BIND or None."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    plain = "".join(character for character in plain if not character.isspace())
    if plain in ("?", "help", "1", "2", "3"):
        return {"1": RESULTS, "2": CERTIFICATES}.get(plain, HELP)
    return next((group for group, words in WORDS if any(word in plain for word in words)), None)


async def answer(s: Services, push: Push) -> str:
    """The text that answers a push to either account; empty when nothing is to be said (wechat.md §1.3)."""
    known = ways(s.settings.public_url, push.account)
    if push.is_event:
        return await _answer_to_event(s, push, known)
    is_written = push.account == "oa" and push.kind == "text"
    if is_written and (told := await rehearsal.linked(s, push.openid, push.text)):
        return told
    if push.kind == "text" or (push.kind == "voice" and push.text):
        return await _reply_to(s, WeChatIdentity(push.account, push.openid), meant(push.text), known)
    return _fit(["已收到您的消息，但这里只能看懂文字。"], known.help)


async def _answer_to_event(s: Services, push: Push, known: Ways) -> str:
    match push.account, push.kind:
        case "oa", "subscribe" | "subscribe_scan":
            scanned = await chat_codes.of_scene(s.settings, s.keys, push.event_key) if push.event_key else ""
            return f"{known.welcome}\n\n{scanned or known.help}"
        case "oa", "scan":
            return await chat_codes.of_scene(s.settings, s.keys, push.event_key) or known.help
        case "oa", "click":
            return await _reply_to(s, WeChatIdentity("oa", push.openid), push.event_key, known)
        case "oa", "scancode_waitmsg":
            return chat_codes.of_result(s.settings, push.fields.get("ScanCodeInfo"))
        case "mp", "user_enter_tempsession":
            return f"{known.welcome}\n\n{known.help}"
    return ""


async def _reply_to(s: Services, who: WeChatIdentity, topic: str | None, known: Ways) -> str:
    match topic:
        case "RESULTS":
            return _results(await lookups.results(s, who), known)
        case "CERTIFICATES":
            return _certificates(await lookups.certificates(s, who), known)
        case "BIND":
            return known.rebind
        case "SIGN":
            return known.sign
        case "HELP":
            return known.help
    return _fit(["抱歉，没有看懂您的消息。"], known.help)


def _plain(value: object) -> str:
    """A value inside an answer: it can never become a link."""
    return str(value).replace("<", "＜").replace(">", "＞")


def _results(view: ResultsView, known: Ways) -> str:
    if view.person is None:
        return _not_bound(view.notices, known)
    blocks = [f"【成绩查询】{_plain(view.person.name_masked)}"]
    blocks += [_result(item) for item in view.items]
    blocks += [_notice(notice) for notice in view.notices]
    return _fit(blocks, known.results)


def _result(item: ResultItem) -> str:
    lines = [
        _plain(item.place.plan),
        f"{item.place.level.label} · 考试日期 {say_day(item.place.exam_date)}",
    ]
    for subject in item.subjects:
        mark = f"{float(subject.score):g} 分" if subject.score is not None else subject.status.label
        lines.append(f"{_plain(subject.name)}：{mark}")
    lines += [f"考证结果：{item.outcome.label}", item.advice]
    return "\n".join(line for line in lines if line)


def _certificates(view: CertificatesView, known: Ways) -> str:
    if view.person is None:
        return _not_bound(view.notices, known)
    blocks = [f"【证书查询】{_plain(view.person.name_masked)}"]
    blocks += [_certificate(item, known) for item in view.items]
    blocks += [_notice(one) for one in view.withheld]
    blocks += [_notice(notice) for notice in view.notices]
    return _fit(blocks, known.certificates)


def _certificate(item: CertificateItem, known: Ways) -> str:
    lines = [
        f"{_plain(item.certificate)}（{item.level.label}）",
        f"证书编号：{item.number}",
        f"发证日期：{say_day(item.issued_on)}",
        f"状态：{item.state.label}",
        _plain(item.advice),
    ]
    if item.state is CertificateState.VALID:
        lines.append(known.certificate.format(number=item.number))
    return "\n".join(line for line in lines if line)


def _notice(notice: Notice | Withheld) -> str:
    return f"{_plain(notice.title)}\n{_plain(notice.detail)}"


def _not_bound(notices: tuple[Notice, ...], known: Ways) -> str:
    return _fit([_notice(notice) for notice in notices], known.bind)


def _fit(blocks: list[str], end: str) -> str:
    """As many whole blocks as fit together with the end; what is left out is said."""
    fitting: list[str] = []
    for place, block in enumerate(blocks):
        remaining = len(blocks) - place
        more = f"\n\n还有 {remaining} 项没有显示，请点下面的链接查看。"
        if _size([*fitting, block], end) + len(more.encode()) > LONGEST:
            return "\n\n".join(fitting) + more + f"\n\n{end}"
        fitting.append(block)
    return "\n\n".join([*fitting, end])


def _size(blocks: list[str], end: str) -> int:
    return len("\n\n".join([*blocks, end]).encode())
