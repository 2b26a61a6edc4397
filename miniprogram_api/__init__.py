"""小程序接口 /mp/v1：the whole API on one screen. JSON only; everything but POST /session asks for the Bearer token."""

from sanic import Blueprint

from miniprogram_api import answers as a
from miniprogram_api import (
    binding,
    bodies,
    certificates,
    links,
    notice_list,
    orders,
    results,
    scans,
    session,
    subscriptions,
)
from server.web.mounting import mount
from server.web.openapi import Described
from server.web.routes import Api, Route

_NUMBER = "<number:([0-9A-Z]{8,24})>"
_PDF = r"<number:(?P<number>[0-9A-Z]{8,24})\.pdf>"
_VC = r"<number:(?P<number>[0-9A-Z]{8,24})\.vc>"
_VC_SHOWN = "/mp/v1/certificates/{number}.vc"
_PDF_SHOWN = "/mp/v1/certificates/{number}.pdf"

API = Api(
    tag="miniprogram",
    operation=lambda route: f"mp_{route.name}",
    security={
        "mp_token": {"type": "http", "scheme": "bearer", "description": "POST /mp/v1/session 得到的 token"}
    },
    refuses=(400, 401, 403, 404, 409, 410, 413, 422, 429, 503),
    owner=session.key_owner,
)
ROUTES = (
    Route("POST", "/session", session.create, "登录", takes=bodies.LogIn, gives=a.Session, is_open=True, reads_itself=True),
    Route("DELETE", "/session", session.end, "退出登录：本人在小程序里的登录全部失效", status=204),
    Route("GET", "/binding", binding.show, "当前绑定的考生", gives=a.Binding),
    Route("POST", "/binding", binding.bind, "绑定考生信息", takes=bodies.Bind, gives=a.Bound),
    Route("DELETE", "/binding", binding.unbind, "解除绑定", status=204),
    Route("POST", "/binding/phone", binding.give_phone, "提供手机号", takes=bodies.GivePhone, gives=a.PhoneGiven),
    Route("GET", "/binding/captcha", binding.picture, "图形验证", gives=a.Picture),
    Route("GET", "/results", results.show, "成绩查询", gives=a.Results),
    Route("GET", "/certificates", certificates.listing, "我的证书", gives=a.Certificates),
    Route("GET", f"/certificates/{_NUMBER}", certificates.one, "一张证书", gives=a.Certificate),
    Route("GET", f"/certificates/{_PDF}", certificates.pdf, "证书 PDF", gives="application/pdf", shown_as=_PDF_SHOWN),
    Route("GET", f"/certificates/{_VC}", certificates.vc, "证书的可验证凭证（W3C VC 2.0、Open Badges 3.0）", gives="application/vc", shown_as=_VC_SHOWN),
    Route("GET", "/subscriptions", subscriptions.listing, "可以订阅的通知", gives=a.Subscriptions),
    Route("POST", "/subscriptions", subscriptions.accept, "已同意的通知", takes=bodies.Accepted, gives=a.Subscriptions, creates=True),
    Route("GET", "/notices", notice_list.listing, "收到的通知，以及接收哪些通知", gives=a.Notices),
    Route("POST", "/notices/choices", notice_list.choose, "接收或不接收一种通知", takes=bodies.NoticeChoice, gives=a.NoticeChoices, creates=True),
    Route("GET", "/orders", orders.listing, "应缴费用与订单", gives=a.Orders),
    Route("POST", "/orders", orders.create, "下单", takes=bodies.NewOrder, gives=a.Order, status=201, creates=True),
    Route("POST", "/orders/<order_id:int>/pay", orders.pay, "调起支付的参数", gives=a.Payment, creates=True),
    Route("POST", "/links", links.read, "普通链接二维码", takes=bodies.Link, gives=a.Link, is_open=True),
    Route("GET", "/scans/<token:str>", scans.look, "待签发的内容（扫码）", gives=a.Scan),
    Route("POST", "/scans/<token:str>/confirm", scans.confirm, "确认签发", takes=bodies.Pin, gives=a.Scanned),
    Route("POST", "/scans/<token:str>/return", scans.return_batch, "退回", takes=bodies.Return, gives=a.Scanned),
    Route("POST", "/officer-binding", scans.bind, "签发负责人绑定小程序", takes=bodies.Pair, gives=a.Officer),
)  # fmt: skip

DESCRIBED = Described("/mp/v1", API, ROUTES)

bp = Blueprint("mp")
mount(bp, API, ROUTES)
door = Blueprint.group(bp, url_prefix=DESCRIBED.prefix)
