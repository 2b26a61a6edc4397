"""小程序接口 /mp/v1：the whole API on one screen. JSON only; everything but POST /session asks for the Bearer token."""

from sanic import Blueprint

from miniprogram_api import binding, certificates, links, results, scans, session, subscriptions
from miniprogram_api import openapi as d
from miniprogram_api.request import Text, Texts
from miniprogram_api.route import Route
from miniprogram_api.routes import mount
from server.domain.wechat_chat.mini_links import LONGEST

_CODE = {"code": Text("wx.login 得到的 code")}
_BIND = {
    "name": Text("姓名"),
    "id_number": Text("证件号码", longest=60),
    "captcha": Text("图中的字符", longest=20, required=False),
    "phone_last4": Text("手机号后四位", longest=20, required=False),
    "phone_code": Text("手机号授权码", required=False),
}
_PHONE = {"phone_code": Text("手机号授权码")}
_ACCEPTED = {"accepted": Texts("已同意的通知", most=20)}
_LINK = {"q": Text("二维码内容", longest=LONGEST)}
_PIN = {"pin": Text("签发密码", longest=20)}
_RETURN = {**_PIN, "reason": Text("退回原因", longest=1000, required=False)}
_PAIR = {"code": Text("配对码", longest=20), **_PIN}
_NUMBER = "<number:([0-9A-Z]{8,24})>"
_PDF = r"<number:(?P<number>[0-9A-Z]{8,24})\.pdf>"

ROUTES = (
    Route(
        "POST",
        "/session",
        session.create,
        "登录",
        takes=_CODE,
        gives=d.SESSION,
        is_open=True,
        reads_itself=True,
    ),
    Route("DELETE", "/session", session.end, "退出登录：本人在小程序里的登录全部失效", status=204),
    Route("GET", "/binding", binding.show, "当前绑定的考生", gives=d.BINDING),
    Route("POST", "/binding", binding.bind, "绑定考生信息", takes=_BIND, gives=d.BOUND),
    Route("DELETE", "/binding", binding.unbind, "解除绑定", status=204),
    Route("POST", "/binding/phone", binding.give_phone, "提供手机号", takes=_PHONE, gives=d.PHONE_GIVEN),
    Route("GET", "/binding/captcha", binding.picture, "图形验证", gives=d.PICTURE),
    Route("GET", "/results", results.show, "成绩查询", gives=d.RESULTS),
    Route("GET", "/certificates", certificates.listing, "我的证书", gives=d.CERTIFICATES),
    Route("GET", f"/certificates/{_NUMBER}", certificates.one, "一张证书", gives=d.CERTIFICATE),
    Route(
        "GET",
        f"/certificates/{_PDF}",
        certificates.pdf,
        "证书 PDF",
        gives="application/pdf",
        shown_as="/mp/v1/certificates/{number}.pdf",
    ),
    Route("GET", "/subscriptions", subscriptions.listing, "可以订阅的通知", gives=d.SUBSCRIPTIONS),
    Route(
        "POST",
        "/subscriptions",
        subscriptions.accept,
        "已同意的通知",
        takes=_ACCEPTED,
        gives=d.SUBSCRIPTIONS,
        creates=True,
    ),
    Route("POST", "/links", links.read, "普通链接二维码", takes=_LINK, gives=d.LINK, is_open=True),
    Route("GET", "/scans/<token:str>", scans.look, "待签发的内容（扫码）", gives=d.SCAN),
    Route("POST", "/scans/<token:str>/confirm", scans.confirm, "确认签发", takes=_PIN, gives=d.SCANNED),
    Route("POST", "/scans/<token:str>/return", scans.return_batch, "退回", takes=_RETURN, gives=d.SCANNED),
    Route("POST", "/officer-binding", scans.bind, "签发负责人绑定小程序", takes=_PAIR, gives=d.OFFICER),
)

bp = Blueprint("mp")
mount(bp, ROUTES)
door = Blueprint.group(bp, url_prefix="/mp/v1")
