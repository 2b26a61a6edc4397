"""Messages, templates, links and phone numbers, against the sandbox; and what a lost answer means for each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from server.adapters.wechat.templates import keywords
from server.domain.ports import MessageTemplate
from server.errors import OutsideFailure, Refused, Unverified, WeChatRefused
from server.sandbox import subscribing
from tests.adapters.wechat.world import World

MENU = {"button": [{"type": "click", "name": "查成绩", "key": "R"}]}


def template(world: World, kind: str, fields: dict[str, str]) -> str:
    kept = {"title": "证书发放通知", "fields": fields, "use": "once"}
    world.platform.store.put("template", f"{kind} t-{kind}", kept)
    return f"t-{kind}"


def grant(world: World, kind: str, template_id: str) -> None:
    account, person = world.platform.account(kind), world.platform.people.get("p1")
    assert account is not None and person is not None
    subscribing.grant(world.platform, account, person, template_id)


async def test_a_subscription_message_takes_one_grant_in_each_account(world: World) -> None:
    fields = {"thing1": "社会心理服务职业技能等级证书"}
    for kind in ("mp", "oa"):
        made = template(world, kind, {"thing1": "证书"})
        with pytest.raises(WeChatRefused) as none_left:
            await world.api.send_subscription(kind, world.openid(kind), made, fields, page=None)
        assert none_left.value.errcode == 43101
        grant(world, kind, made)
        page = "pages/results/index?id=1" if kind == "mp" else "http://127.0.0.1:8000/h5/results"
        msgid = await world.api.send_subscription(kind, world.openid(kind), made, fields, page=page)
        assert msgid.isdigit() if kind == "mp" else msgid == ""
        with pytest.raises(WeChatRefused):
            await world.api.send_subscription(kind, world.openid(kind), made, fields, page=None)
    with pytest.raises(WeChatRefused) as mixed:
        await world.api.send_subscription("mp", world.openid("oa"), "t-mp", fields, page=None)
    assert mixed.value.errcode == 40003


async def test_a_text_goes_through_its_window_only(world: World) -> None:
    world.follows()
    with pytest.raises(WeChatRefused) as closed:
        await world.api.send_text("oa", world.openid(), "您好")
    assert closed.value.errcode == 45015


async def test_a_text_that_is_lost_is_unknown_and_never_repeated(world: World) -> None:
    world.follows()
    world.turn(drop_next=0, slow_seconds=1.5, slow_path="/cgi-bin/message/custom/send")
    with pytest.raises(OutsideFailure) as lost:
        await world.api.send_text("oa", world.openid(), "您好")
    assert lost.value.unknown is True
    assert (await world.api.account("oa").books.quota.today(world.settings.oa_appid))[
        "/cgi-bin/message/custom/send"
    ] == 1


WRITES: dict[str, tuple[str, Callable[[World], Awaitable[object]]]] = {
    "menu": ("/cgi-bin/menu/create", lambda world: world.api.create_menu(MENU)),
    "subscription": (
        "/cgi-bin/message/subscribe/send",
        lambda world: world.api.send_subscription("mp", world.openid("mp"), "t", {"thing1": "a"}, page=None),
    ),
    "notice": (
        "/cgi-bin/message/subscribe/bizsend",
        lambda world: world.api.send_subscription("oa", world.openid(), "t", {"thing1": "a"}, page=None),
    ),
    "phone": ("/wxa/business/getuserphonenumber", lambda world: world.api.phone_number("c" * 32)),
    "link": ("/wxa/generate_urllink", lambda world: world.api.url_link("pages/a/a", "", seconds=60)),
}
READS: dict[str, tuple[str, Callable[[World], Awaitable[object]]]] = {
    "menu": ("/cgi-bin/menu/get", lambda world: world.api.current_menu()),
    "ticket": ("/cgi-bin/ticket/getticket", lambda world: world.api.js_config("http://127.0.0.1:8000/x")),
    "templates": ("/cgi-bin/template/get_all_private_template", lambda world: world.api.templates("oa")),
}


async def _twice(world: World) -> None:
    """A token is there, so that what comes next is one call."""
    await world.api.account("oa").tokens.get()
    await world.api.account("mp").tokens.get()


@pytest.mark.parametrize("name", WRITES)
async def test_what_acts_is_not_repeated_when_its_answer_is_lost(world: World, name: str) -> None:
    path, act = WRITES[name]
    await _twice(world)
    world.turn(slow_seconds=1.5, slow_path=path)
    with pytest.raises(OutsideFailure) as lost:
        await act(world)
    assert lost.value.unknown is True and not isinstance(lost.value, WeChatRefused)
    kind = "oa" if name in ("menu", "notice") else "mp"
    account = world.api.account(kind)
    assert (await account.books.quota.today(account.appid))[path] == 1


@pytest.mark.parametrize("errcode", [-1, None])
@pytest.mark.parametrize("name", READS)
async def test_what_reads_is_asked_once_more(world: World, name: str, errcode: int | None) -> None:
    path, act = READS[name]
    await _twice(world)
    if errcode is None:
        await world.api.create_menu(MENU)
        world.turn(drop_next=1)
    else:
        world.fail(path, errcode)
    await act(world)
    assert world.calls(path) == 2


async def test_the_menu_can_be_read_back(world: World) -> None:
    assert await world.api.current_menu() is None
    await world.api.create_menu(MENU)
    kept = await world.api.current_menu()
    assert kept is not None
    assert [button["name"] for button in kept["button"]] == ["查成绩"]


async def test_templates_with_their_keywords(world: World) -> None:
    template(world, "mp", {"thing1": "考试名称", "date2": "发布时间"})
    found = {one.id: one for one in await world.api.templates("mp")}
    assert found["t-mp"] == MessageTemplate(
        "t-mp", "证书发放通知", {"thing1": "考试名称", "date2": "发布时间"}
    )
    assert world.settings.oa_template_result in {one.id for one in await world.api.templates("oa")}


@pytest.mark.parametrize(
    ("content", "read"),
    [
        ("会议时间:{{date2.DATA}}\n会议地点:{{thing1.DATA}}\n", {"date2": "会议时间", "thing1": "会议地点"}),
        (
            "{{first.DATA}}\n商品名称：{{keyword1.DATA}}\n{{remark.DATA}}",
            {"first": "", "keyword1": "商品名称", "remark": ""},
        ),
        ("领奖金额:{{ amount1.DATA }} 银行:{{thing2.DATA}}", {"amount1": "领奖金额", "thing2": "银行"}),
        ("没有关键词", {}),
    ],
)
def test_keywords_are_read_from_a_templates_text(content: str, read: dict[str, str]) -> None:
    """The first is the sample of DOC 《获取个人模板列表》, the second the form of old industry templates."""
    assert keywords(content) == read


async def test_a_link_into_the_mini_program(world: World) -> None:
    world.platform.clock.set(world.clock.now())
    assert (await world.api.url_link("pages/results/index", "a=1", seconds=3600)).startswith("https://")
    for path, query, seconds in (
        ("/pages/a", "", 60),
        ("pages/a?b=1", "", 60),
        ("pages/a", "x" * 1025, 60),
        ("pages/a", "中文", 60),
        ("pages/a", "", 31 * 86400),
        ("pages/a", "", 0),
    ):
        with pytest.raises(Refused) as refused:
            await world.api.url_link(path, query, seconds=seconds)
        assert refused.value.code == "link_invalid"
    assert world.calls("/wxa/generate_urllink") == 1


async def test_a_phone_number_for_a_code_once(world: World) -> None:
    code, person = world.code("phone", "mp"), world.platform.people.get("p1")
    assert person is not None
    assert await world.api.phone_number(code) == person.mobile
    with pytest.raises(Unverified) as used:
        await world.api.phone_number(code)
    assert used.value.code == "code_used"
    with pytest.raises(Unverified) as invented:
        await world.api.phone_number("0" * 32)
    assert invented.value.code == "code_invalid"
