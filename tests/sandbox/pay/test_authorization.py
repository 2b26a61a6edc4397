"""Who may call, under which key the answer comes, and what of it all is signed (wechat.md §7.1, §7.2)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from server.sandbox.app import create_sandbox, serving
from tests.sandbox.conftest import CONFIG
from tests.sandbox.pay.conftest import MCHID, PUBLIC_KEY_ID, Answer, Pay

PATH = f"/v3/pay/transactions/out-trade-no/A%7C2345678?mchid={MCHID}"


def said(answer: Answer) -> tuple[int, str, str]:
    return answer.status, answer.code, answer.json["message"]


async def test_headers_scheme_clock_serial_and_signature_are_checked_in_this_order(pay: Pay) -> None:
    """Each wrong request is refused with 4xx, unsigned, since nobody knows who asks."""
    missing, form = (
        "Http头缺少Accept或User-Agent",
        "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》",
    )
    now, late = pay.platform.clock.unix(), "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟"
    genuine = pay.authorization("GET", PATH, b"")

    def signed(**instead: str) -> str:
        return pay.authorization("GET", PATH, b"", **instead)

    table: list[tuple[dict[str, Any], int, str]] = [
        ({"Accept": None, "Authorization": None}, 400, missing),
        ({"User_Agent": None, "Authorization": None}, 400, missing),
        ({"Accept": "text/html"}, 400, "Http头Accept应为application/json"),
        ({"Authorization": None}, 401, form),
        ({"Authorization": "Bearer token"}, 401, "HTTP头Authorization认证类型不正确"),
        ({"Authorization": genuine.replace('mchid="', 'mch="')}, 401, form),
        ({"Authorization": genuine.replace('",', '", ')}, 401, form),
        ({"Authorization": genuine + ',mchid="1"'}, 401, form),
        ({"Authorization": signed(timestamp=str(now - 301))}, 401, late),
        ({"Authorization": signed(timestamp=str(now + 301))}, 401, late),
        ({"Authorization": signed(timestamp="soon")}, 401, late),
        ({"Authorization": signed(mchid="1900000002")}, 401, "签名错误"),
        ({"Authorization": signed(serial_no="0" * 40)}, 401, "商户证书序列号有误。请使用签名私钥匹配的证书序列号"),
        ({"Authorization": genuine.replace('signature="', 'signature="AAAA')}, 401, "错误的签名，验签失败"),
        ({"Authorization": genuine.replace('signature="', 'signature="?')}, 401, "错误的签名，验签失败"),
        ({"Authorization": pay.authorization("POST", PATH, b"")}, 401, "错误的签名，验签失败"),
        ({"Authorization": pay.authorization("GET", PATH.replace("%7C", "|"), b"")}, 401, "错误的签名，验签失败"),
        ({"Authorization": pay.authorization("GET", PATH.partition("?")[0], b"")}, 401, "错误的签名，验签失败"),
        ({"Authorization": pay.authorization("GET", pay.url + PATH, b"")}, 401, "错误的签名，验签失败"),
    ]  # fmt: skip
    for headers, status, message in table:
        answer = await pay.send("GET", PATH, **headers)
        code = "SIGN_ERROR" if status == 401 else "INVALID_REQUEST"
        assert said(answer) == (status, code, message), headers
        assert answer.tail == ("268443699" if status == 401 else "0")
        assert [name for name in answer.headers if name.lower().startswith("wechatpay-")] == []

    for edge in (now - 300, now + 300):
        assert (await pay.send("GET", PATH, Authorization=signed(timestamp=str(edge)))).status == 404
    assert (await pay.send("GET", PATH, Authorization=genuine, Accept="*/*")).code == "ORDER_NOT_EXIST"
    again = await pay.send("GET", PATH, Authorization=genuine)
    assert said(again) == (401, "SIGN_ERROR", "签名错误")  # the nonce has been used


async def test_the_signed_body_is_the_sent_body_and_its_kind_is_json(pay: Pay) -> None:
    order = pay.order("A2345678")
    compact, spaced = json.dumps(order, separators=(",", ":")).encode(), json.dumps(order, indent=1).encode()
    path = "/v3/pay/transactions/jsapi"
    wrong = await pay.send("POST", path, spaced, Authorization=pay.authorization("POST", path, compact))
    assert wrong.code == "SIGN_ERROR"
    assert wrong.json["detail"]["sign_information"]["sign_message_length"] > len(spaced)
    form = await pay.send("POST", path, compact, Content_Type="application/x-www-form-urlencoded")
    assert said(form) == (400, "INVALID_REQUEST", "Http头Content-Type应为application/json")
    assert (await pay.send("POST", path, spaced)).status == 200


async def test_unknown_paths_and_methods_are_empty(pay: Pay) -> None:
    table = [("GET", "/v3/pay/transactions/native", 405), ("GET", "/v3/no/such", 404), ("DELETE", PATH, 405)]
    for method, path, status in table:
        answer = await pay.send(method, path)
        assert (answer.status, answer.raw) == (status, b"")


async def test_the_answer_is_signed_by_the_key_that_was_asked_for(pay: Pay) -> None:
    """Refusals too; without Wechatpay-Serial by the certificate; a new merchant has the public key alone."""
    own = pay.account.platform_serial
    asked: list[tuple[str, bool, str]] = [
        (PUBLIC_KEY_ID, False, PUBLIC_KEY_ID),
        (own, False, own),
        ("", False, own),
        ("", True, PUBLIC_KEY_ID),
    ]
    for serial, is_new, expected in asked:
        pay.desk.switchboard.turn({"new_merchant": is_new})
        refused = await pay.send("GET", PATH, serial=serial)
        taken = await pay.send("POST", "/v3/pay/transactions/jsapi", pay.order("A2345678"), serial=serial)
        assert (refused.status, pay.signed(refused), taken.status, pay.signed(taken)) == (404, expected, 200, expected)  # fmt: skip
    unknown = await pay.send("GET", PATH, serial="PUB_KEY_ID_9")
    assert said(unknown) == (400, "PARAM_ERROR", "平台证书序列号Wechatpay-Serial错误")


async def test_a_sandbox_without_a_merchant_has_no_payments(pay: Pay) -> None:
    async with (
        serving(create_sandbox(replace(CONFIG, merchant=None))) as url,
        pay.http.get(url + "/v3/certificates") as answer,
    ):
        assert answer.status == 404
