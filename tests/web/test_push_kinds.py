"""Every message and event of wechat.md §1.3, for both accounts, through the door: answered, or politely passed over."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from sanic import Sanic

from server import worker
from server.domain.ports import Services
from server.models import Follower, Grant, GrantEntry, Issuance, PushSeen, ScanTicket
from tests.kit.exchange import exchange
from tests.kit.fake_wechat import FakeWeChatSender
from tests.kit.fakes import ListQueue
from tests.kit.issuing import cohort, shown_ticket
from tests.kit.reused_apps import ReusedApps
from tests.kit.wechat_platform import GenuinePushes, Platform, mini_program, official_account, xml

App = Sanic[Any, Any]
ELSEWHERE = "https://elsewhere.example/s/" + "a" * 32
HELP, WELCOME, ONLY_TEXT = (
    "回复“成绩”查询成绩",
    "欢迎关注社会心理服务证书公众号。",
    "已收到您的消息，但这里只能看懂文字",
)
SIGN, NOTHING = "您扫描的是院校签发二维码。", "success"


@dataclass(frozen=True)
class Row:
    """A push, what its answer begins with, and whether whoever it is from follows us then (None: nothing known)."""

    name: str
    fields: dict[str, Any]
    begins: str
    follows: bool | None = True


def message(kind: str, begins: str = ONLY_TEXT, name: str = "", **fields: Any) -> Row:
    return Row(name or kind, {"MsgType": kind, **fields, "MsgId": 1}, begins)


def event(
    kind: str, begins: str = NOTHING, name: str = "", follows: bool | None = True, **fields: Any
) -> Row:
    return Row(name or kind, {"MsgType": "event", "Event": kind, **fields}, begins, follows)


def scanned(kind: str, result: str, begins: str, name: str) -> Row:
    info = f"<ScanType><![CDATA[qrcode]]></ScanType><ScanResult><![CDATA[{result}]]></ScanResult>"
    return event(kind, begins, name, EventKey="rselfmenu_0_0", ScanCodeInfo=Inner(info))


class Inner(str):
    """Elements that stand in the XML as they are."""


def rows(url: str, token: str) -> list[Row]:
    """The official account's pushes; `token` is a genuine scan token."""
    v = f"{url}/v/" + "7" * 400
    return [
        message("text", HELP, Content="帮助", MsgDataId="x", Idx=1, BusinessId=0, bizmsgmenuid=7),
        message("image", PicUrl="http://x/y", MediaId="m"),
        message("voice", HELP, "voice, heard", MediaId="m", Format="amr", Recognition="帮助。"),
        message("voice", ONLY_TEXT, "voice, not heard", MediaId="m", Format="amr"),
        message("video", MediaId="m", ThumbMediaId="t"),
        message("shortvideo", MediaId="m", ThumbMediaId="t"),
        message("location", Location_X=39.9, Location_Y=116.3, Scale=15, Label="北京"),
        message("link", Title="t", Description="d", Url="https://x"),
        message("brand_new"),
        event("subscribe", WELCOME, EventKey=""),
        event("subscribe", f"{WELCOME}\n\n{HELP}", "subscribe by a QR", EventKey="qrscene_7", Ticket="t"),
        event(
            "subscribe",
            f"{WELCOME}\n\n{SIGN}",
            "subscribe by our QR",
            EventKey=f"qrscene_{token}",
            Ticket="t",
        ),
        event("subscribe", WELCOME, "subscribe after paying", EventKey="last_trade_no_42"),
        event("SCAN", HELP, EventKey="7", Ticket="t"),
        event("SCAN", SIGN, "SCAN of ours", EventKey=token, Ticket="t"),
        event(
            "SCAN",
            HELP,
            "SCAN of a forgery",
            EventKey=token[:-1] + ("A" if token[-1] != "A" else "B"),
            Ticket="t",
        ),
        event("unsubscribe", follows=False, EventKey=""),
        event("CLICK", HELP, EventKey="HELP"),
        event("CLICK", "尚未绑定考生信息", "CLICK for results", EventKey="RESULTS"),
        event("CLICK", "抱歉，没有看懂", "CLICK of an old menu", EventKey="GONE"),
        event("VIEW", EventKey="https://x", MenuId=1),
        event("view_miniprogram", EventKey="pages/index/index", MenuId=1),
        scanned("scancode_push", v, NOTHING, "scancode_push"),
        scanned(
            "scancode_waitmsg",
            v,
            f'您扫描的是证书核验二维码，请<a href="{v}">',
            "scancode_waitmsg, certificate",
        ),
        scanned(
            "scancode_waitmsg",
            f"{url}/s/{token}",
            f'{SIGN}院校签发负责人请<a href="{url}/s/{token}">',
            "our QR",
        ),
        scanned("scancode_waitmsg", ELSEWHERE, "扫到的内容不是本服务的二维码", "scancode_waitmsg, stranger"),
        scanned(
            "scancode_waitmsg",
            f'{url}/v/1"onclick="x',
            "扫到的内容不是本服务的二维码",
            "scancode_waitmsg, quote",
        ),
        scanned(
            "scancode_waitmsg", f"{url}.evil.example/v/1", "扫到的内容不是本服务的二维码", "another host"
        ),
        event("scancode_waitmsg", "扫到的内容不是本服务的二维码", "scancode_waitmsg, empty", EventKey="k"),
        event("pic_sysphoto", EventKey="k"),
        event("pic_photo_or_album", EventKey="k"),
        event("pic_weixin", EventKey="k"),
        event("location_select", EventKey="k"),
        event("LOCATION", Latitude=23.1, Longitude=113.3, Precision=119.4),
        event("TEMPLATESENDJOBFINISH", follows=None, MsgID=200163836, Status="failed: system failed"),
        event("subscribe_msg_popup_event", follows=None),
        event("subscribe_msg_change_event", follows=None),
        event("subscribe_msg_sent_event", follows=None),
        event("MASSSENDJOBFINISH", follows=None, MsgID=1, Status="send success"),
        event("annual_renew", follows=None, ExpiredTime=1442401156),
        event("brand_new_event", follows=None, EventKey="k"),
    ]


def written(row: Row, openid: str) -> str:
    """The push as XML."""
    common = {"ToUserName": "gh_1", "FromUserName": openid, "CreateTime": 1_763_870_400}
    plain = {k: v for k, v in (common | row.fields).items() if not isinstance(v, Inner)}
    inner = "".join(f"<{k}>{v}</{k}>" for k, v in row.fields.items() if isinstance(v, Inner))
    return xml(**plain).replace("</xml>", f"{inner}</xml>")


@pytest.fixture
def app(services: Services, reused_apps: ReusedApps) -> App:
    exchange(services, wechat_pushes=GenuinePushes(services.settings))
    return reused_apps.take(services)


async def arrive(app: App, platform: Platform, said: str, account: str = "oa") -> str:
    """One arrival. The words of the answer, or `success`."""
    encrypted = platform.encrypt(said)
    if said.startswith("{"):
        body = json.dumps({"ToUserName": "gh_1", "Encrypt": encrypted}).encode()
    else:
        body = xml(ToUserName="gh_1", Encrypt=encrypted).encode()
    query = urlencode(platform.query(encrypted))
    _, response = await app.asgi_client.post(f"/wechat/{account}?{query}", content=body)
    assert (response.status, "set-cookie" in response.headers) == (200, False)
    if response.body == b"success":
        return "success"
    assert response.body.startswith(b"<xml>")
    words = platform.read_reply(response.body)["Content"]
    assert len(words.encode()) <= 2048
    return words


@pytest.mark.rule("S93")
async def test_every_push_to_the_official_account(app: App, services: Services) -> None:
    """Each twice: the second arrival hears the same and does nothing more."""
    ticket = await shown_ticket(services, await cohort(services))
    table = rows(services.settings.public_url, ticket.token)
    assert isinstance(services.queue, ListQueue)
    services.queue.jobs.clear()
    platform = official_account(services.settings)
    heard, wrong = {}, {}
    for number, row in enumerate(table):
        said = written(row, f"o-{number}")
        said = said.replace("<MsgId><![CDATA[1]]>", f"<MsgId><![CDATA[{number + 1}]]>")
        first, second = [await arrive(app, platform, said) for _ in range(2)]
        heard[row.name] = first
        if not first.startswith(row.begins) or first != second:
            wrong[row.name] = (first, second)
    assert wrong == {}
    assert len(heard) == len(table) == await PushSeen.all().count()
    assert set(await PushSeen.all().values_list("state", "push")) == {("answered", None)}
    follows = {row.openid: row.is_following for row in await Follower.all()}
    assert follows == {f"o-{n}": row.follows for n, row in enumerate(table) if row.follows is not None}
    assert services.queue.jobs == []
    assert ELSEWHERE not in "".join(heard.values())
    for name in ("SCAN of ours", "subscribe by our QR", "our QR"):
        assert f'<a href="{ticket.url}">' in heard[name]
    assert (await Issuance.get()).state == "site_pending", "scanning alone never signs"
    assert (await ScanTicket.get()).opened_at is None


def listed(account: str, what: str, *, shape: str, items: int) -> dict[str, Any]:
    """A subscription event: `shape` is xml, object or array (the JSON forms)."""
    template = "oa-subscribe-result" if account == "oa" else "mp-template-result"
    other = "oa-subscribe-certificate" if account == "oa" else "mp-template-certificate"
    rows = [
        {"TemplateId": template, "SubscribeStatusString": "accept", "PopupScene": "0"},
        {"TemplateId": other, "SubscribeStatusString": "reject", "PopupScene": "0"},
    ][:items]
    if what != "popup":
        rows = [{"TemplateId": template, "SubscribeStatusString": "reject"}]
    if what == "sent":
        rows = [
            {
                "TemplateId": template,
                "MsgID": "1700827132819554304",
                "ErrorCode": "0",
                "ErrorStatus": "success",
            }
        ]
    if shape == "object":
        return {"List": rows[0]}
    if shape == "array":
        return {"List": rows}
    inner = "".join(f"<List>{''.join(f'<{k}>{v}</{k}>' for k, v in row.items())}</List>" for row in rows)
    return {f"SubscribeMsg{what.title()}Event": Inner(inner)}


@pytest.mark.parametrize(
    ("account", "shape", "items"),
    [("oa", "xml", 1), ("oa", "xml", 2), ("mp", "xml", 2), ("mp", "object", 1), ("mp", "array", 2)],
)
async def test_subscription_events_reach_the_ledger(
    app: App, services: Services, account: str, shape: str, items: int
) -> None:
    """However often they come: an accept is one grant, switching off leaves none."""
    platform = official_account(services.settings) if account == "oa" else mini_program(services.settings)
    left = []
    for what in ("popup", "sent", "change"):
        fields = listed(account, what, shape=shape, items=items)
        row = event(f"subscribe_msg_{what}_event", **fields)
        said = written(row, "o-1")
        if shape != "xml":
            common = {"ToUserName": "gh_1", "FromUserName": "o-1", "CreateTime": "1763870400"}
            said = json.dumps(common | row.fields)
        assert [await arrive(app, platform, said, account) for _ in range(3)] == ["success"] * 3
        left.append((await Grant.get(account=account, openid="o-1", topic="results_released")).remaining)
    assert left == [1, 1, 0]
    assert await GrantEntry.filter(kind="accepted").count() == 1
    assert await Follower.all().count() == 0


PROGRAM = [
    message("text", "回复“成绩”查询成绩", Content="帮助"),
    message("text", "尚未绑定考生信息", "text for results", Content="成绩"),
    message("image", ONLY_TEXT, PicUrl="http://x/y", MediaId="m"),
    message("miniprogrampage", ONLY_TEXT, Title="t", AppId="wx", PagePath="pages/index/index"),
    event("user_enter_tempsession", "您好，这里可以查询成绩和证书。", SessionFrom="s"),
    event("wxa_media_check", trace_id="t"),
    event("CLICK", EventKey="RESULTS"),
    event("brand_new_event"),
]


@pytest.mark.parametrize("form", ["xml", "json"])
async def test_every_push_to_the_mini_program(app: App, services: Services, form: str) -> None:
    """Always `success`; words come as customer-service messages, once each."""
    platform = mini_program(services.settings)
    assert isinstance(services.queue, ListQueue) and isinstance(services.wechat_sender, FakeWeChatSender)
    heard, expected = {}, {}
    for number, row in enumerate(PROGRAM):
        created = int(services.clock.now().timestamp())
        fields = {**row.fields, **({"MsgId": 2**62 + number} if "MsgId" in row.fields else {})}
        said = written(Row(row.name, fields, ""), f"o-{number}").replace("1763870400", str(created))
        if form == "json":
            common = {"ToUserName": "gh_1", "FromUserName": f"o-{number}", "CreateTime": created}
            said = json.dumps(common | fields, ensure_ascii=False)
        assert [await arrive(app, platform, said, "mp") for _ in range(2)] == ["success"] * 2
        await services.queue.drain(services, worker.TASKS)
        told = [
            text
            for account, openid, text in services.wechat_sender.texts
            if (account, openid) == ("mp", f"o-{number}")
        ]
        heard[row.name] = [text.startswith(row.begins) for text in told]
        expected[row.name] = [] if row.begins == NOTHING else [True]
    assert heard == expected
    assert all("/h5/" not in text for _, _, text in services.wechat_sender.texts)
    assert sorted([row.state for row in await PushSeen.all()]) == ["answered"] * 3 + ["sent"] * 5
