"""People at the console, for tests: a browser with its cookie and secret, or a machine with its token."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx
from sanic import Sanic
from sanic_testing.testing import TestingResponse

from server.domain.auth import logins
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import School, Staff
from tests.kit.door_client import start
from tests.kit.fakes import cheap_hash

App = Sanic[Any, Any]
API = "/console/api/v1"
CARD = {"bank": "CMB_DEBIT", "account": "6225 8801 2345 6789", "holder": "张三丰"}

# What a route with something named in its path must be sent before it looks whether that thing is there.
LEAST_BODIES: dict[str, dict[str, Any]] = {
    "/releases/<release_id:int>/refuse": {"note": "成绩未齐"},
    "/plans/<plan_id:int>/practice": {"requires_practice": True},
    "/plans/<plan_id:int>/times": {"level": "primary", "subject": "x", "starts": "9:00", "ends": "11:00"},
    "/issuances/<issuance_id:int>/sign": {"list_sha256": "00" * 32},
    "/certificates/<number:str>/revoke": {"reason": "登记错误"},
    "/officers/<officer_id:int>/change": {"name": "王签发", "reason": "录入有误"},
    "/people/<candidate_id:int>/uncover": {"what": "id_number", "reason": "来电核对本人身份"},
    "/people/<candidate_id:int>/copy": {"asked_on": "2026-11-20", "reason": "本人当面提交申请书"},
    "/people/<candidate_id:int>/erasure": {"asked_on": "2026-11-20", "reason": "本人当面提交申请书"},
    **{
        f"/{place}/<person_id:int>/{what}": {"asked_on": "2026-11-20", "reason": "本人当面提交申请书"}
        for place in ("officers", "staff", "enrolments")
        for what in ("copy", "erasure")
    },
    "/erasures/<erasure_id:int>/refuse": {"note": "申请没有签名"},
    "/people/<candidate_id:int>/unbind": {"reason": "本人到校申请"},
    "/orders/<order_id:int>/refund": {"amount_fen": 1, "reason": "考生因病不能参加"},
    "/courses/<course_id:int>/prices": {"amount_fen": 80_000, "from_on": "2026-12-01"},
    "/courses/<course_id:int>/enrolments": {"list": "某院校,张三,13900000000"},
    "/refunds/<refund_id:int>/ask-to-redirect": CARD,
    "/refunds/<refund_id:int>/redirect": CARD,
    "/fees/<fee_id:int>/waive": {"reason": "家庭经济困难，按规定减免"},
    "/reconciliation/differences/<difference_id:int>/settle": {"note": "已与微信客服核对"},
    "/portal-differences/<difference_id:int>/settle": {"note": "已请门户改正"},
    "/finance-alarms/<alarm_id:int>/settle": {"note": "已与考生核对"},
    "/campaigns/<campaign_id:int>": {
        "name": "考前提醒",
        "kind": "exam",
        "ways": [
            {"channel": "template", "template": "x", "fields": [{"keyword": "thing1", "constant": "x"}]}
        ],
        "audience": {},
        "not_after": "2026-12-01T09:00:00+08:00",
    },
    "/campaigns/<campaign_id:int>/decline": {"note": "人数不对"},
    "/campaigns/<campaign_id:int>/pace": {"per_second": 1, "per_day": 1},
    "/score-changes/<change_id:int>/refuse": {"note": "依据不足"},
    "/paper-runs/<paper_run_id:int>/extend": {"last": "A0001299"},
    "/paper-runs/<paper_run_id:int>/spoil": {"serial": "A0001201", "reason": "卡纸"},
    "/paper-runs/<paper_run_id:int>/cancel": {"reason": "编号填错"},
    "/paper-runs/<paper_run_id:int>/hand-over": {"slip": "23456789AB"},
    "/paper-runs/<paper_run_id:int>/send": {"courier": "EMS", "tracking_number": "EA123456789CN"},
    "/paper-runs/<paper_run_id:int>/receive": {"slip": "23456789AB", "count": 1},
    "/corrections/<correction_id:int>/refuse": {"note": "函件没有公章"},
    "/passkeys/<passkey_id:int>/remove": {"password": "x"},
    "/staff/<staff_id:int>/name": {"name": "李华"},
    "/staff/<staff_id:int>/changes": {"act": "reset_password", "reason": "本人当面提出"},
    "/staff-changes/<staff_change_id:int>/refuse": {"note": "没有核实"},
}
NO_BODY = "what it must be sent goes into LEAST_BODIES of tests/kit/console_desk.py"


async def _open(app: App) -> httpx.AsyncClient:
    """A client of the app."""
    if not hasattr(app.ctx, "console_client"):
        await start(app)
        transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 40000))
        app.ctx.console_client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")
    client: httpx.AsyncClient = app.ctx.console_client
    return client


@dataclass
class Browser:
    """Speaks to the app as one person; keeps what a browser would keep."""

    app: App
    cookie: str = ""
    csrf: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    async def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        headers = {"accept": "application/json", **self.extra, **more.pop("headers", {})}
        if self.cookie:
            headers["cookie"] = f"xcert_console={self.cookie}"
        if self.csrf and method not in ("GET", "HEAD"):
            headers.setdefault("x-csrf-token", self.csrf)
        if body is not None:
            more["json"] = body
        address = path if path.startswith(("/console", "/docs")) else API + path
        response = await (await _open(self.app)).request(method, address, headers=headers, **more)
        response.__class__ = TestingResponse
        return response

    async def page(self, path: str) -> Any:
        return await self("GET", path, headers={"accept": "text/html"})


PASSWORD = "seven quiet herons at dusk"
_KEPT = cheap_hash(PASSWORD)


async def account(role: Role, *, school: School | None = None, username: str = "") -> Staff:
    """An account past its first password, which is `PASSWORD`."""
    return await Staff.create(
        username=username or f"user-{role.value}",
        name="王敏",
        role=role.value,
        school=school,
        password_hash=_KEPT,
        must_change_password=False,
    )


async def seated(
    app: App, s: Services, role: Role, *, school: School | None = None, username: str = ""
) -> Browser:
    """Somebody of this role, logged in."""
    token, session = logins.begin(s, await account(role, school=school, username=username))
    return Browser(app, token, session.csrf)


def code(response: Any) -> tuple[int, str]:
    """(status, code) of a problem."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    return response.status, response.json["code"]
