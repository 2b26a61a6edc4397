"""Judging what the service answered to a push, as WeChat would (wechat.md §1.2, §1.4)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from server.sandbox import crypto, limits, xml
from server.sandbox.config import Account

MESSAGE_TYPES = ("text", "image", "voice", "video", "music", "news", "transfer_customer_service")
ANSWERED = ("text", "image", "voice", "video", "shortvideo", "location", "link")


class BadReply(Exception):
    """The chat would show that the account cannot serve at present; says why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What reaches the person; None in `message` after `success` or an empty body."""

    message: dict[str, Any] | None
    remarks: tuple[str, ...] = field(default=())


def judge(account: Account, pushed: dict[str, Any], body: bytes, *, mode: str) -> Reply:
    """Read the answer to a push.

    Args:
        pushed: the fields of the push, in clear.
        mode: the cipher mode of the push: plain takes a clear answer, safe a sealed one, compat either.

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
        fields = _opened(account, _json(text), mode)
    else:
        try:
            fields = _opened(account, xml.read(text), mode)
        except xml.NotXml as error:
            raise BadReply(f"既不是 success 也不是有效的 XML：{error}") from error
    return _checked(account, pushed, fields)


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise BadReply("既不是 success 也不是有效的 JSON") from error
    return dict(found)


def _opened(account: Account, fields: dict[str, Any], mode: str) -> dict[str, Any]:
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
    try:
        # blanks matter in front of the envelope only: clients in wide use indent the message inside
        return xml.read(crypto.decrypt(account.aes_key, account.appid, fields["Encrypt"]).strip())
    except (crypto.NotGenuine, xml.NotXml) as error:
        raise BadReply(f"加密的回答打不开：{error}") from error


def _checked(account: Account, pushed: dict[str, Any], fields: dict[str, Any]) -> Reply:
    """Addresses swapped, times whole, a type there is, sizes kept."""
    if (
        fields.get("ToUserName") != pushed["FromUserName"]
        or fields.get("FromUserName") != account.original_id
    ):
        raise BadReply("ToUserName 与 FromUserName 应与推送对调")
    if not str(fields.get("CreateTime", "")).isdigit():
        raise BadReply("CreateTime 应为整数秒")
    kind = fields.get("MsgType")
    if kind not in MESSAGE_TYPES:
        raise BadReply(f"没有 MsgType 为 {kind} 的回复")
    if kind == "text":
        _check_text(fields.get("Content"))
    if kind == "news":
        _check_news(fields, pushed)
    event = pushed.get("Event", "")
    if event in ("VIEW", "unsubscribe", "TEMPLATESENDJOBFINISH", "view_miniprogram", "scancode_push"):
        return Reply(None, (f"{event} 事件的回复会被忽略",))
    return Reply(fields)


def _check_text(content: object) -> None:
    if not isinstance(content, str) or not content:
        raise BadReply("文本回复缺少 Content")
    if len(content.encode()) > limits.REPLY_TEXT_BYTES:
        raise BadReply(f"文本回复超过 {limits.REPLY_TEXT_BYTES} 字节")


def _check_news(fields: dict[str, Any], pushed: dict[str, Any]) -> None:
    """One article after a message, eight otherwise; every one has a title."""
    articles = fields.get("Articles")
    items = articles.get("item") if isinstance(articles, dict) else None
    items = items if isinstance(items, list) else [items] if isinstance(items, dict) else []
    if str(len(items)) != str(fields.get("ArticleCount")) or not items:
        raise BadReply("ArticleCount 与 Articles 中的条数不符")
    single = pushed.get("MsgType") in ANSWERED
    if len(items) > (limits.REPLY_ARTICLES_FOR_MESSAGES if single else limits.REPLY_ARTICLES):
        raise BadReply("图文条数太多：回复用户消息只能有 1 条")
    if not all(isinstance(item, dict) and item.get("Title") for item in items):
        raise BadReply("图文缺少 Title")
