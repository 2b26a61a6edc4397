"""Which templates an account has, and how it takes more of them from the library (wechat.md §5).

Template messages have `cgi-bin/template/*`, subscription messages of both accounts `wxaapi/newtmpl/*`. Shapes are
those of DOC 《获取已选用模板列表》《选用模板》《获取个人模板列表》《组合模板并添加》《获取模板标题下的关键词列表》 and of
SKIT:test/…/ModelSamples/{CgibinTemplate,WxaApi/NewTemplate}.
"""

from __future__ import annotations

import secrets
from typing import Any

from sanic import Blueprint

from server.sandbox import keywords, library, limits
from server.sandbox.config import Template
from server.sandbox.gate import Answer, Call, Door, api
from server.sandbox.refusals import WeChatError

bp = Blueprint("message_templates")

OK = {"errcode": 0, "errmsg": "ok"}
SUBSCRIPTIONS = ("once", "long")


def _new_id() -> str:
    return secrets.token_urlsafe(33)[:43]


def _chosen(call: Call, title: library.Title, kids: list[library.Keyword], use: str) -> Template:
    """Put the chosen keywords together under a new id."""
    template = Template(
        _new_id(),
        title.title,
        call.account.kind,
        tuple(one.code for one in kids),
        tuple(one.name for one in kids),
        use,
    )
    call.platform.add_template(template)
    return template


@api(bp, Door("/cgi-bin/template/get_all_private_template", "GET", accounts=("oa",)))
async def private_templates(call: Call) -> Answer:
    return {
        "template_list": [
            {
                "template_id": template.id,
                "title": template.title,
                "primary_industry": "",
                "deputy_industry": "",
                "content": keywords.content(call.platform, template),
                "example": keywords.example(call.platform, template),
            }
            for template in call.platform.templates(call.account, "message")
        ]
    }


@api(bp, Door("/cgi-bin/template/api_add_template", accounts=("oa",)))
async def add_private(call: Call) -> Answer:
    """A category template by its number and the names of its keywords, in the order wanted."""
    number, names = str(call.body.get("template_id_short") or ""), call.body.get("keyword_name_list")
    if number.startswith(("TM", "OPENTM")):
        raise WeChatError(40247, verdict="历史模板不能再添加，请选用类目模板")
    title = library.title(number)
    if title is None:
        raise WeChatError(40037, verdict=f"模板库里没有编号 {number}")
    if len(call.platform.templates(call.account, "message")) >= limits.TEMPLATES_MOST:
        raise WeChatError(45026)
    by_name = {one.name: one for one in title.keywords}
    if not isinstance(names, list) or not names or any(name not in by_name for name in names):
        raise WeChatError(40246, verdict=f"关键词应取自：{'、'.join(by_name)}")
    template = _chosen(call, title, [by_name[name] for name in dict.fromkeys(names)], "message")
    return {**OK, "template_id": template.id}


@api(bp, Door("/cgi-bin/template/del_private_template", accounts=("oa",)))
async def remove_private(call: Call) -> Answer:
    _remove(call, call.body.get("template_id"), "message")
    return OK


def _remove(call: Call, template_id: object, *uses: str) -> None:
    template = call.platform.template(call.account, str(template_id or ""), *uses)
    if template is None:
        raise WeChatError(40037)
    call.platform.remove_template(template)


@api(bp, Door("/wxaapi/newtmpl/gettemplate", "GET"))
async def own_templates(call: Call) -> Answer:
    data: list[dict[str, Any]] = []
    for template in call.platform.templates(call.account, *SUBSCRIPTIONS):
        one: dict[str, Any] = {
            "priTmplId": template.id,
            "title": template.title,
            "content": keywords.content(call.platform, template),
            "example": keywords.example(call.platform, template),
            "type": library.LONG if template.purpose == "long" else library.ONCE,
        }
        if template.enums:
            one["keywordEnumValueList"] = [
                {"keywordCode": f"{name}.DATA", "enumValueList": list(values)}
                for name, values in template.enums.items()
            ]
        data.append(one)
    return {**OK, "data": data}


@api(bp, Door("/wxaapi/newtmpl/addtemplate", form=True))
async def add(call: Call) -> Answer:
    title = library.title(call.body.get("tid"))
    if title is None:
        raise WeChatError(200014)
    least, most = limits.TEMPLATE_KEYWORDS
    kid_list = call.body.get("kidList")
    by_kid = {str(one.kid): one for one in title.keywords}
    kids = [str(kid) for kid in kid_list] if isinstance(kid_list, list) else []
    if not least <= len(kids) <= most or len(set(kids)) != len(kids) or any(k not in by_kid for k in kids):
        raise WeChatError(200020, verdict=f"kidList 应有 {least} 至 {most} 个，取自：{'、'.join(by_kid)}")
    scene = call.body.get("sceneDesc", "")
    if not isinstance(scene, str) or len(scene) > limits.SCENE_DESCRIPTION_LENGTH:
        raise WeChatError(200021, verdict=f"sceneDesc 最多 {limits.SCENE_DESCRIPTION_LENGTH} 个字")
    if len(call.platform.templates(call.account, *SUBSCRIPTIONS)) >= limits.TEMPLATES_MOST:
        raise WeChatError(200012)
    use = "long" if title.kind == library.LONG else "once"
    template = _chosen(call, title, [by_kid[kid] for kid in kids], use)
    return {**OK, "priTmplId": template.id}


@api(bp, Door("/wxaapi/newtmpl/deltemplate", form=True))
async def remove(call: Call) -> Answer:
    _remove(call, call.body.get("priTmplId"), *SUBSCRIPTIONS)
    return OK


@api(bp, Door("/wxaapi/newtmpl/getcategory", "GET"))
async def categories(call: Call) -> Answer:
    return {**OK, "data": [{"id": number, "name": name} for number, name in library.CATEGORIES.items()]}


@api(bp, Door("/wxaapi/newtmpl/getpubtemplatetitles", "GET"))
async def titles(call: Call) -> Answer:
    """A page of the titles of some categories; `ids=2,616&start=0&limit=30`, all three needed."""
    ids = call.query.get("ids", "")
    if not ids:
        raise WeChatError(200018)
    categories = ids.split(",")
    if any(not one.isdigit() or int(one) not in library.CATEGORIES for one in categories):
        raise WeChatError(200019, verdict="类目编号取自 getcategory，多个用英文逗号隔开")
    start, limit = call.query.get("start", ""), call.query.get("limit", "")
    if not start.isdigit():
        raise WeChatError(200016)
    if not limit.isdigit() or not 1 <= int(limit) <= limits.TITLES_A_PAGE:
        raise WeChatError(200017, verdict=f"limit 应为 1 至 {limits.TITLES_A_PAGE}")
    titles = [one for one in library.TITLES if str(one.category) in categories]
    page = titles[int(start) : int(start) + int(limit)]
    data = [
        {"tid": one.tid, "title": one.title, "type": one.kind, "categoryId": str(one.category)}
        for one in page
    ]
    return {**OK, "count": len(titles), "data": data}


@api(bp, Door("/wxaapi/newtmpl/getpubtemplatekeywords", "GET"))
async def title_keywords(call: Call) -> Answer:
    title = library.title(call.query.get("tid", ""))
    if title is None:
        raise WeChatError(200014)
    data = [
        {"kid": one.kid, "name": one.name, "example": one.example, "rule": one.rule} for one in title.keywords
    ]
    return {**OK, "count": len(data), "data": data}
