"""The mini-program's log-in, session key and phone number (wechat.md §4.1, §4.2)."""

from __future__ import annotations

import base64
import secrets

from sanic import Blueprint

from server.sandbox import codes, crypto, limits
from server.sandbox.gate import Answer, Call, Door, api
from server.sandbox.refusals import WeChatError

bp = Blueprint("login")


@api(bp, Door("/sns/jscode2session", "GET", token=False, text_plain=True))
async def code_to_session(call: Call) -> Answer:
    account = call.owner()
    if account.kind != "mp":
        raise WeChatError(40013, verdict="jscode2session 要用小程序的 appid")
    if call.query.get("grant_type") != "authorization_code":
        raise WeChatError(40002)
    person, _ = codes.spend(call.platform, "login", account, call.text("js_code", 41008))
    minute = f"{account.appid} {person.id} {call.platform.clock.unix() // 60}"
    if call.platform.store.count("login", minute) > limits.LOGINS_A_MINUTE:
        raise WeChatError(45011)
    openid = call.platform.openid(account, person)
    session_key = base64.b64encode(secrets.token_bytes(16)).decode()
    call.platform.store.put("session", f"{account.appid} {openid}", {"session_key": session_key})
    answer = {"session_key": session_key, "openid": openid}
    if call.platform.switchboard.now.unionid:
        answer["unionid"] = call.platform.people.unionid(person)
    return answer


@api(bp, Door("/wxa/checksession", "GET", accounts=("mp",)))
async def check_session(call: Call) -> Answer:
    if call.query.get("sig_method") != "hmac_sha256":
        raise WeChatError(40097)
    openid = call.text("openid", 41009)
    call.person(openid)
    session = call.platform.store.get("session", f"{call.account.appid} {openid}")
    signature = call.query.get("signature", "")
    if session is None or not crypto.same(crypto.session_signature(session["session_key"]), signature):
        raise WeChatError(87009)
    return {"errcode": 0, "errmsg": "ok"}


@api(bp, Door("/wxa/resetusersessionkey", "GET", accounts=("mp",)))
async def reset_session_key(call: Call) -> Answer:
    await check_session(call)
    openid = call.query["openid"]
    session_key = base64.b64encode(secrets.token_bytes(16)).decode()
    call.platform.store.put("session", f"{call.account.appid} {openid}", {"session_key": session_key})
    return {"errcode": 0, "errmsg": "ok", "openid": openid, "session_key": session_key}


@api(bp, Door("/wxa/business/getuserphonenumber", accounts=("mp",)))
async def phone_number(call: Call) -> Answer:
    code = call.body.get("code")
    if not isinstance(code, str) or not code:
        raise WeChatError(40029)
    person, _ = codes.spend(call.platform, "phone", call.account, code)
    call.platform.store.count("phone.numbers", call.account.appid)  # every one is paid for
    return {
        "errcode": 0,
        "errmsg": "ok",
        "phone_info": {
            "phoneNumber": person.mobile,
            "purePhoneNumber": person.mobile,
            "countryCode": "86",
            "watermark": {"timestamp": call.platform.clock.unix(), "appid": call.account.appid},
        },
    }
