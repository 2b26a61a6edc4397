"""What WeChat says when it refuses: errcode, its English errmsg and a rid, with HTTP 200 (wechat.md §2)."""

from __future__ import annotations

import secrets

MESSAGES = {
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest, could get access_token by "
    "getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r",
    40002: "invalid grant_type",
    40003: "invalid openid",
    40008: "invalid message type",
    40013: "invalid appid",
    40014: "invalid access_token",
    40016: "invalid button size",
    40017: "invalid button type",
    40018: "invalid button name size",
    40019: "invalid button key size",
    40020: "invalid button url size",
    40023: "invalid sub button size",
    40024: "invalid sub button type",
    40025: "invalid sub button name size",
    40026: "invalid sub button key size",
    40027: "invalid sub button url size",
    40029: "invalid code",
    40030: "invalid refresh_token",
    40035: "invalid parameter",
    40036: "invalid template_id size",
    40037: "invalid template_id",
    40053: "invalid action info",
    40054: "invalid sub button url domain",
    40055: "invalid button url domain",
    40097: "invalid args",
    40125: "invalid appsecret",
    40129: "invalid scene",
    40163: "code been used",
    40164: "invalid ip {detail}, not in whitelist",
    40169: "invalid length for scene, or the data is not json string",
    40201: "invalid url",
    40202: "invalid action",
    40203: "invalid check_operator",
    40243: "AppSecret has been frozen",
    40246: "keyword name invalid",
    40247: "历史模板库已升级为类目模板。历史模板库内模板不再支持添加。如有相关消息需求，可使用类目模板库ID添加对应模板",
    41001: "access_token missing",
    41002: "appid missing",
    41003: "refresh_token missing",
    41004: "appsecret missing",
    41008: "missing code",
    41009: "missing openid",
    41030: "invalid page",
    42001: "access_token expired",
    42002: "refresh_token expired",
    43001: "require GET method",
    43002: "require POST method",
    43004: "require subscribe",
    43101: "user refuse to accept the msg",
    44002: "empty post data",
    44004: "empty content",
    45002: "content size out of limit",
    45008: "article size out of limit",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit, must slower, retry next minute",
    45015: "response out of time limit or subscription is canceled",
    45026: "template num exceeds limit",
    45047: "out of response count limit",
    46003: "menu no exist",
    47001: "data format error",
    47003: "argument invalid! {detail}",
    48001: "api unauthorized",
    48006: "forbid to clear quota because of reaching the limit",
    50002: "user limited",
    65318: "must use utf-8 charset",
    76001: "rid not found",
    85069: "verification file not found under the url",
    85071: "rule already exists",
    85072: "url must be lower case and complete",
    85073: "invalid link rule",
    85077: "rule not found",
    886000: "publish count exceeds this month",
    85400: "links exceed the limit",
    85401: "time limit between 1min and 1month",
    87009: "invalid signature",
    200012: "template num exceeds limit",
    200014: "invalid parameter tid",
    200016: "invalid parameter start",
    200017: "invalid parameter limit",
    200018: "missing parameter ids",
    200019: "invalid parameter ids",
    200020: "invalid parameter kidList",
    200021: "invalid parameter sceneDesc",
    9410010: "invalid long data",
    9410011: "invalid short key",
    9410012: "short key expired",
}


class WeChatError(Exception):
    """A refusal with WeChat's own number. `detail` fills or follows the errmsg; `verdict` is for the timeline."""

    def __init__(self, errcode: int, detail: str = "", *, verdict: str = "") -> None:
        said = MESSAGES.get(errcode, "system error")
        message = said.format(detail=detail) if "{detail}" in said else f"{said} {detail}".strip()
        super().__init__(message)
        self.errcode = errcode
        self.verdict = verdict

    def answer(self) -> dict[str, object]:
        """The JSON body, with a fresh rid as WeChat puts it."""
        rid = "-".join(secrets.token_hex(4) for _ in range(3))
        return {"errcode": self.errcode, "errmsg": f"{self} rid: {rid}"}
