"""Judging what the service answered to a push, as WeChat would (wechat.md §1.2, §1.4)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from server.sandbox import crypto, limits, xml
from server.sandbox.config import Account

MESSAGE_TYPES = ("text", "image", "voice", "video", "music", "news", "transfer_customer_service")
PROGRAM_TYPES = ("transfer_customer_service",)
"""A mini-program answers a push with nothing else; all else is a customer-service message (DOC 《转发客服消息》)."""
MEDIA_PARTS = {"image": "Image", "voice": "Voice", "video": "Video", "music": "Music"}
UNANSWERED = (
    "VIEW",
    "unsubscribe",
    "TEMPLATESENDJOBFINISH",
    "view_miniprogram",
    "scancode_push",
    "subscribe_msg_popup_event",
    "subscribe_msg_change_event",
    "subscribe_msg_sent_event",
)
ANSWERED = ("text", "image", "voice", "video", "shortvideo", "location", "link")


class BadReply(Exception):
    """The chat would show that the account cannot serve at present; says why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What reaches the person; None in `message` after `success` or an empty body."""

    message: dict[str, Any] | None
    remarks: tuple[str, ...] = field(default=())


def judge(
    account: Account,
    push: dict[str, Any],
    body: bytes,
    *,
    mode: str,
    keys: tuple[str, ...] = (),
    has_media: Callable[[str, str], bool] = lambda media_id, kind: True,
) -> Reply:
    """Read the answer to a push.

    Args:
        push: the fields of the push, in clear.
        mode: the cipher mode of the push: plain takes a clear answer, safe a sealed one, compat either.
        keys: the AES keys an answer may be sealed with; the account's own if none are given.
        has_media: whether a media_id of a type exists.

    Raises:
        BadReply: the platform would not take it.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise BadReply("回答不是 UTF-8") from error
    if text in ("", "success"):
        return Reply(None)
    if account.kind == "mp" and text.startswith("{"):
        outer = _json(text)
    else:
        try:
            outer = xml.read(text)
        except xml.NotXml as error:
            raise BadReply(f"既不是 success 也不是有效的 XML：{error}") from error
    fields = opened(account, outer, mode, keys or (account.aes_key,))
    return _checked(account, push, fields, has_media)


def _json(text: str) -> dict[str, Any]:
    try:
        reply = json.loads(text)
    except ValueError as error:
        raise BadReply("既不是 success 也不是有效的 JSON") from error
    return dict(reply)


def opened(account: Account, fields: dict[str, Any], mode: str, keys: tuple[str, ...]) -> dict[str, Any]:
    """Take a sealed answer out of its envelope; its own timestamp and nonce sign it."""
    if "Encrypt" not in fields:
        if mode == "safe":
            raise BadReply("安全模式下的回答必须加密")
        return fields
    if mode == "plain":
        raise BadReply("明文模式下的回答不能加密")
    missing = [name for name in ("MsgSignature", "TimeStamp", "Nonce") if not fields.get(name)]
    if missing:
        raise BadReply(f"加密的回答缺少 {'、'.join(missing)}")
    stamp = str(fields["TimeStamp"])
    if not stamp.isdigit():
        raise BadReply("TimeStamp 应为数字")
    expected = crypto.signature(account.token, stamp, str(fields["Nonce"]), fields["Encrypt"])
    if not crypto.same(expected, str(fields["MsgSignature"])):
        raise BadReply("MsgSignature 不对")
    for key in keys:
        try:
            # blanks matter in front of the envelope only: clients in wide use indent the message inside
            text = crypto.decrypt(key, account.appid, fields["Encrypt"]).strip()
            return _json(text) if account.kind == "mp" and text.startswith("{") else xml.read(text)
        except (crypto.NotGenuine, xml.NotXml) as error:
            if key == keys[-1]:
                raise BadReply(f"加密的回答打不开：{error}") from error
    raise AssertionError("at least one key")


def _checked(
    account: Account,
    push: dict[str, Any],
    fields: dict[str, Any],
    has_media: Callable[[str, str], bool],
) -> Reply:
    """Addresses swapped, times whole, a type there is, sizes kept."""
    if fields.get("ToUserName") != push["FromUserName"] or fields.get("FromUserName") != account.original_id:
        raise BadReply("ToUserName 与 FromUserName 应与推送对调")
    if not str(fields.get("CreateTime", "")).isdigit():
        raise BadReply("CreateTime 应为整数秒")
    kind = fields.get("MsgType")
    if kind not in (MESSAGE_TYPES if account.kind == "oa" else PROGRAM_TYPES):
        raise BadReply(f"没有 MsgType 为 {kind} 的回复")
    if kind == "text":
        _check_text(fields.get("Content"))
    if kind == "news":
        _check_news(fields, push)
    if kind in MEDIA_PARTS:
        _check_media(fields.get(MEDIA_PARTS[kind]), kind, has_media)
    event = push.get("Event", "")
    if event in UNANSWERED:
        return Reply(None, (f"{event} 事件的回复会被忽略",))
    return Reply(fields)


def _check_media(part: object, kind: str, has_media: Callable[[str, str], bool]) -> None:
    """The files that a picture, voice, video or piece of music needs."""
    if not isinstance(part, dict):
        raise BadReply(f"{kind} 回复缺少内容")
    name, media_type = ("ThumbMediaId", "thumb") if kind == "music" else ("MediaId", kind)
    if not part.get(name) or not has_media(str(part[name]), media_type):
        raise BadReply(f"{kind} 回复的 {name} 不存在，或已过 3 天")


def _check_text(content: object) -> None:
    if not isinstance(content, str) or not content:
        raise BadReply("文本回复缺少 Content")
    if len(content.encode()) > limits.REPLY_TEXT_BYTES:
        raise BadReply(f"文本回复超过 {limits.REPLY_TEXT_BYTES} 字节")


def _check_news(fields: dict[str, Any], push: dict[str, Any]) -> None:
    """One article after a message, eight otherwise; every one has a title."""
    articles = fields.get("Articles")
    items = articles.get("item") if isinstance(articles, dict) else None
    items = items if isinstance(items, list) else [items] if isinstance(items, dict) else []
    if str(len(items)) != str(fields.get("ArticleCount")) or not items:
        raise BadReply("ArticleCount 与 Articles 中的条数不符")
    single = push.get("MsgType") in ANSWERED
    if len(items) > (limits.REPLY_ARTICLES_FOR_MESSAGES if single else limits.REPLY_ARTICLES):
        raise BadReply("图文条数太多：回复用户消息只能有 1 条")
    if not all(isinstance(item, dict) and item.get("Title") for item in items):
        raise BadReply("图文缺少 Title")
