"""Parametric QR codes, mini-program codes and links, and their pictures (wechat.md §4.3, §6.2)."""

from __future__ import annotations

import io
import re
import secrets
from typing import Any

import qrcode
from qrcode.constants import ERROR_CORRECT_M
from qrcode.image.pil import PilImage
from sanic import Blueprint, HTTPResponse, Request

from server.sandbox import limits
from server.sandbox.gate import Answer, Call, Door, Picture, api
from server.sandbox.platform import Platform
from server.sandbox.published import check_page
from server.sandbox.refusals import WeChatError

bp = Blueprint("qrcodes")

ENVIRONMENTS = ("release", "trial", "develop")
SCENE = re.compile(r"[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]+")


def drawn(text: str, width: int = limits.CODE_WIDTH_DEFAULT) -> bytes:
    """A plain QR as PNG. A mini-program code is drawn so too: what matters here is that it can be scanned."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=4)
    code.add_data(text)
    code.make(fit=True)
    code.box_size = max(2, width // (code.modules_count + 8))
    out = io.BytesIO()
    code.make_image(image_factory=PilImage).save(out)
    return out.getvalue()


@api(bp, Door("/cgi-bin/qrcode/create", accounts=("oa",)))
async def create(call: Call) -> Answer:
    action = call.body.get("action_name")
    scene = _scene(action, call.body)
    seconds = call.body.get("expire_seconds", limits.QR_SECONDS_DEFAULT)
    if (
        isinstance(seconds, bool)
        or not isinstance(seconds, int)
        or not 1 <= seconds <= limits.QR_SECONDS_MOST
    ):
        raise WeChatError(40097, verdict="expire_seconds 应为 1 至 2592000 的整数")
    lasts = str(action).startswith("QR_LIMIT")
    ticket, name = f"gQ{secrets.token_urlsafe(70)[:92]}==", secrets.token_hex(12)
    expires_at = None if lasts else call.platform.clock.now() + seconds
    call.platform.store.put("qrcode", ticket, {"scene": scene, "expires_at": expires_at, "name": name})
    call.platform.store.put("qrcode.link", name, {"ticket": ticket})
    answer: dict[str, Any] = {"ticket": ticket, "url": f"http://weixin.qq.com/q/{name}"}
    return answer if lasts else {**answer, "expire_seconds": seconds}


def _scene(action: object, body: dict[str, Any]) -> str:
    """The scene of one of the four kinds.

    Raises:
        WeChatError: 40053.
    """
    info = body.get("action_info")
    scene = info.get("scene") if isinstance(info, dict) else None
    if not isinstance(scene, dict):
        raise WeChatError(40053, verdict="缺少 action_info.scene")
    if action in ("QR_STR_SCENE", "QR_LIMIT_STR_SCENE"):
        text = scene.get("scene_str")
        if not isinstance(text, str) or not 1 <= len(text) <= limits.QR_SCENE_STR_LENGTH:
            raise WeChatError(40053, verdict="scene_str 应为 1 至 64 个字符")
        return text
    most = {"QR_SCENE": 2**32 - 1, "QR_LIMIT_SCENE": limits.QR_LIMIT_SCENE_MOST}.get(str(action))
    if most is None:
        raise WeChatError(40053, verdict=f"没有 action_name 为 {action} 的二维码")
    number = scene.get("scene_id")
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= most:
        raise WeChatError(40053, verdict=f"scene_id 应为 1 至 {most} 的整数")
    return str(number)


@bp.get("/cgi-bin/showqrcode", name="showqrcode")
async def show(request: Request) -> HTTPResponse:
    """The picture of a ticket; no token needed, 404 for a bad one."""
    platform: Platform = request.app.ctx.platform
    code = platform.store.get("qrcode", request.args.get("ticket", ""))
    if code is None:
        return HTTPResponse("", status=404)
    return HTTPResponse(drawn(f"http://weixin.qq.com/q/{code['name']}"), content_type="image/png")


@api(bp, Door("/wxa/getwxacodeunlimit", accounts=("mp",)))
async def unlimited(call: Call) -> Answer:
    scene = call.body.get("scene")
    if not isinstance(scene, str) or not scene or not SCENE.fullmatch(scene):
        raise WeChatError(40129, verdict="scene 含有不允许的字符，或为空")
    if len(scene) > limits.SCENE_LENGTH:
        raise WeChatError(40169, verdict="scene 超过 32 个字符")
    page = str(call.body.get("page") or "")
    if "?" in page:
        raise WeChatError(41030, verdict="page 不能带参数，参数放在 scene 里")
    if call.body.get("check_path", True):
        check_page(call.platform, page)
    else:
        _count_unchecked(call, page)
    if call.body.get("env_version", "release") not in ENVIRONMENTS:
        raise WeChatError(40097, verdict="env_version 不对")
    return _program_code(call, page, scene)


def _count_unchecked(call: Call, page: str) -> None:
    """Pages that are not looked up are numbered: so many different ones in a lifetime (wechat.md §4.3).

    Raises:
        WeChatError: 45029.
    """
    key = f"{call.account.appid} {page}"
    if call.platform.store.get("page.unchecked", key) is None:
        if call.platform.store.count("pages.unchecked", call.account.appid) > limits.UNCHECKED_PAGES_MOST:
            raise WeChatError(
                45029, verdict=f"check_path 为 false 时最多 {limits.UNCHECKED_PAGES_MOST} 个页面"
            )
        call.platform.store.put("page.unchecked", key, {})


@api(bp, Door("/wxa/getwxacode", accounts=("mp",)))
async def limited(call: Call) -> Answer:
    return _limited_code(call)


@api(bp, Door("/cgi-bin/wxaapp/createwxaqrcode", accounts=("mp",)))
async def limited_square(call: Call) -> Answer:
    return _limited_code(call)


def _limited_code(call: Call) -> Picture:
    """A code with its page's query in it; 100 000 in a lifetime for both calls together.

    Raises:
        WeChatError: 45029 all used up, 40097 a path too long, 41030 no such page.
    """
    path = str(call.body.get("path") or "")
    if not 1 <= len(path) <= limits.LIMITED_CODE_PATH[call.path]:
        raise WeChatError(40097, verdict=f"path 应为 1 至 {limits.LIMITED_CODE_PATH[call.path]} 个字符")
    page, _, query = path.partition("?")
    check_page(call.platform, page)
    if call.platform.store.count("codes.limited", call.account.appid) > limits.LIMITED_CODES_MOST:
        raise WeChatError(45029)
    return _program_code(call, page, query=query)


def _program_code(call: Call, page: str, scene: str = "", *, query: str = "") -> Picture:
    width = call.body.get("width", limits.CODE_WIDTH_DEFAULT)
    least, most = limits.CODE_WIDTH
    if isinstance(width, bool) or not isinstance(width, int) or not least <= width <= most:
        raise WeChatError(40097, verdict="width 应为 280 至 1280")
    name = secrets.token_urlsafe(12)
    call.platform.store.put("program.code", name, {"page": page, "scene": scene, "query": query})
    return Picture(drawn(f"{call.platform.own_url}/wxa-code/{name}", width))


@api(bp, Door("/wxa/generate_urllink", accounts=("mp",)))
async def url_link(call: Call) -> Answer:
    name = _link(call, call.body)
    return {"errcode": 0, "errmsg": "ok", "url_link": f"https://wxaurl.cn/{name}"}


@api(bp, Door("/wxa/generatescheme", accounts=("mp",)))
async def scheme(call: Call) -> Answer:
    jump = call.body.get("jump_wxa") or {}
    if not isinstance(jump, dict):
        raise WeChatError(47001, verdict="jump_wxa 应为对象")
    name = _link(call, {**call.body, **jump})
    return {"errcode": 0, "errmsg": "ok", "openlink": f"weixin://dl/business/?t={name}"}


def _link(call: Call, body: dict[str, Any]) -> str:
    """Keep where a URL link or scheme leads, within its 30 days.

    Raises:
        WeChatError: 85079 nothing published, 40165 a page with a query, 41030, 40097, 85401 too long a life,
            85400 too many today.
    """
    now, longest = call.platform.clock.now(), limits.LINK_DAYS * 86400
    if not call.platform.switchboard.now.published:
        raise WeChatError(85079)
    path, query = str(body.get("path") or ""), str(body.get("query") or "")
    if "?" in path:
        raise WeChatError(40165, verdict="path 不能带参数，参数放在 query 里")
    path = path.removeprefix("/")  # the documents show both
    check_page(call.platform, path)
    if len(query) > limits.LINK_QUERY_LENGTH:
        raise WeChatError(40097, verdict=f"query 超过 {limits.LINK_QUERY_LENGTH} 个字符")
    if body.get("env_version", "release") not in ENVIRONMENTS:
        raise WeChatError(40097, verdict="env_version 不对")
    if not now < (until := _end_of_life(body, now)) <= now + longest:
        raise WeChatError(85401, verdict=f"有效期应在 {limits.LINK_DAYS} 天以内")
    day = f"{call.account.appid} {call.platform.clock.day()}"
    if call.platform.store.count("links.made", day) > limits.LINKS_A_DAY:
        raise WeChatError(85400)
    name = secrets.token_hex(6)
    call.platform.store.put("program.link", name, {"page": path, "query": query, "until": until})
    return name


def _end_of_life(body: dict[str, Any], now: float) -> float:
    """By a time, or by a number of days; thirty days if neither is given."""
    kind, value = body.get("expire_type", 0), body.get("expire_time")
    if kind not in (0, 1):
        raise WeChatError(40097, verdict="expire_type 应为 0（时间）或 1（天数）")
    if kind == 1:
        value = body.get("expire_interval")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise WeChatError(40097, verdict="expire_time、expire_interval 应为整数")
    if kind == 1:
        return now + int(value or 0) * 86400
    return float(value or now + limits.LINK_DAYS * 86400)
