"""The message templates of an account, as WeChat keeps them (wechat.md §4.5, §5)."""

from __future__ import annotations

import re
from typing import Any

from server.adapters.wechat.account import Account
from server.domain.ports import MessageTemplate
from server.errors import OutsideFailure

TEMPLATES = "/cgi-bin/template/get_all_private_template"
SUBSCRIPTION = "/wxaapi/newtmpl/gettemplate"
LONG_TERM = 3  # `type` in gettemplate: 2 is one-time
_KEYWORD = re.compile(r"([^{}\n]*?)[:：]?\s*\{\{\s*(\w+)\.DATA\s*\}\}")


async def of(account: Account) -> list[MessageTemplate]:
    """Every template of the account: subscription templates, and template messages if it is a service account.

    Shapes: DOC 《获取已添加至账号下所有模板列表》 (template_list, template_id), 《获取个人模板列表》 (data, priTmplId).
    """
    templates: list[MessageTemplate] = []
    if account.kind == "oa":
        answer = await account.read(TEMPLATES)
        templates += [_read(row, "template_id") for row in _rows(answer, "template_list")]
    answer = await account.read(SUBSCRIPTION)
    ids = {one.id for one in templates}
    templates += [one for row in _rows(answer, "data") if (one := _read(row, "priTmplId")).id not in ids]
    return templates


def keywords(content: str) -> dict[str, str]:
    """The keywords of a template's text: `考试名称:{{thing1.DATA}}` is {"thing1": "考试名称"}."""
    return {name: label.strip() for label, name in _KEYWORD.findall(content)}


def _rows(answer: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = answer.get(name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise OutsideFailure("微信没有给出模板列表")
    return rows


def _read(row: dict[str, Any], key: str) -> MessageTemplate:
    words = keywords(str(row.get("content", "")))
    return MessageTemplate(
        str(row.get(key, "")), str(row.get("title", "")), words, is_long_term=row.get("type") == LONG_TERM
    )
