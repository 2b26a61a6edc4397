"""The pages about people in a real Chromium, at the width of a desk and of a phone: who may sign, who is bound, log-in.

With XCERT_SCREENSHOTS=DIR the pictures are kept there, to be looked at.
"""

from __future__ import annotations

from dataclasses import replace

import pyotp
import pytest
from playwright.async_api import Browser, expect

from server.adapters.captcha import PillowImageCheck
from server.domain.actor import Caller
from server.domain.auth import login_limits
from server.domain.people import bindings, bound_people, officers
from server.domain.ports import ProcessBeat, Services, WeChatIdentity
from server.domain.ports.doctor import Examined
from server.domain.roles import Role
from server.models import Officer
from server.models.database import rows
from tests.kit import issuing, make
from tests.kit.accessibility import clean
from tests.kit.console_desk import PASSWORD, account
from tests.kit.console_pages import ScreenPdfRenderer, look, seat
from tests.kit.exchange import exchange
from tests.kit.fake_doctor import FakeDoctor
from tests.kit.fakes import FakeClock
from tests.kit.history import ME
from tests.kit.jobs import drained
from tests.kit.windows import Window

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WIDTHS = pytest.mark.parametrize("narrow", [False, True], ids=["desk", "phone"])


async def joined(s: Services, name: str, openid: str, *, at: object, actor: object) -> Officer:
    mobile = make.mobile()
    made = await officers.invite(s.clock, s.keys, at.id, name, mobile, actor=actor)  # type: ignore[attr-defined,arg-type]
    return await officers.accept(
        s,
        made.token,
        issuing.PIN,
        phone_last4=mobile[-4:],
        identity=WeChatIdentity("oa", openid),
        caller=Caller(openid),
    )


@WIDTHS
async def test_an_officer_is_confirmed_and_gets_a_new_pin(
    base: str, browser: Browser, services: Services, narrow: bool
) -> None:
    exchange(services, pdf_renderer=ScreenPdfRenderer())
    wide = "phone" if narrow else "desk"
    at = await make.school("京华职业技术学院")
    active = await issuing.officer(services, at)
    pending = await joined(services, "李新任", "oPending", at=at, actor=make.OPERATOR)
    gone = await joined(services, "周离任", "oGone", at=at, actor=make.school_account(at))
    await officers.suspend(services.clock, services.event_bus, gone.id, actor=make.ADMIN)
    await officers.invite(services.clock, services.keys, at.id, "吴受邀", make.mobile(), actor=make.OPERATOR)
    async with seat(browser, services, base, Role.ISSUER, narrow=narrow) as (page, trouble):
        await page.goto(f"{base}/console/officers")
        await look(page, f"officers-{wide}")
        await clean(page, "officers")
        await page.get_by_role("button", name="邀请负责人").click()
        await look(page, f"officers-invite-{wide}")
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="确认：李新任").click()
        await page.locator("dialog[open]").get_by_role("button", name="确认", exact=True).click()
        await expect(page.get_by_role("button", name="确认：李新任")).to_have_count(0)
        await expect(page.get_by_text("不能签发或发放该校批次").first).to_be_visible()
        assert (await Officer.get(id=pending.id)).state == "active"
        await page.get_by_role("button", name="重置签发密码：王签发").click()
        await page.locator("dialog[open]").get_by_role("button", name="重置", exact=True).click()
        await expect(page.locator("#invited")).to_be_visible()
        await look(page, f"officers-link-{wide}")
        await page.keyboard.press("Escape")
        await expect(page.locator("#invited")).to_be_visible()  # shown once, so not lost by a key
        async with page.expect_navigation():
            await page.get_by_role("button", name="我已记下").click()
        assert (await Officer.get(id=active.id)).pin_hash == ""
        await page.get_by_role("button", name="修改：王签发").click()
        await expect(page.locator("#change-name")).to_have_value("王签发")
        await page.fill("#change-name", "王签法")
        await page.fill("#change-reason", "录入有误")
        await look(page, f"officers-change-{wide}")
        await clean(page, "officers-change", "dialog[open]")
        await page.locator("dialog[open]").get_by_role("button", name="修改", exact=True).click()
        await expect(page.locator(".toast")).to_contain_text("已修改")
        assert (await Officer.get(id=active.id)).name == "王签法"
        await page.goto(f"{base}/console/officers?state=suspended&name=周")
        await expect(page.locator("tbody tr")).to_have_count(1)
        await look(page, f"officers-filtered-{wide}")
        assert trouble == []


@WIDTHS
async def test_a_candidate_is_found_uncovered_and_unbound(
    base: str, browser: Browser, services: Services, narrow: bool
) -> None:
    wide = "phone" if narrow else "desk"
    of = await issuing.cohort(services, names=("崔子涵", "崔雨桐", "买买提·吐尔逊"))
    await issuing.generating(services, of)
    await drained(services)
    first = await of.registrations[0].candidate
    number = services.keys.decrypt(bytes(first.id_sealed), about="candidate.id_number")
    await bindings.bind(services, ME, "崔子涵", number, caller=Caller("203.0.113.9"))
    async with seat(browser, services, base, Role.OPERATOR, narrow=narrow) as (page, trouble):
        await page.goto(f"{base}/console/people")
        await page.get_by_label("查找考生").fill("崔")
        await page.get_by_role("button", name="查找").click()
        await expect(page.locator("#found-rows tr")).to_have_count(2)
        await look(page, f"people-{wide}")
        await clean(page, "people")
        await page.get_by_label("查找考生").fill(number)
        await page.get_by_role("button", name="查找").click()
        await page.wait_for_url(f"{base}/console/people/{first.id}")
        await look(page, f"person-{wide}")
        await clean(page, "person")
        await page.get_by_role("button", name="查看完整号码").click()
        await page.get_by_label("原因").and_(page.locator(":visible")).fill("来电核对本人身份")
        await page.locator("dialog[open]").get_by_role("button", name="查看").click()
        await expect(page.locator("#uncovered")).to_contain_text(number)
        await look(page, f"person-uncovered-{wide}")
        async with page.expect_navigation():
            await page.get_by_role("button", name="看完了").click()
        assert number not in await page.content()
        await expect(page.get_by_text("原因：来电核对本人身份")).to_be_visible()
        await page.get_by_role("button", name="解除微信绑定").click()
        await page.get_by_label("原因").and_(page.locator(":visible")).fill("本人持身份证到校申请")
        await look(page, f"person-unbind-{wide}")
        await page.locator("dialog[open]").get_by_role("button", name="解除绑定").click()
        await expect(page.get_by_text("没有绑定微信")).to_be_visible()
        assert trouble == []
    assert await bound_people.candidate_id_of(ME) is None


@WIDTHS
async def test_a_role_that_must_have_a_second_factor_sets_it_up(
    base: str, browser: Browser, services: Services, clock: FakeClock, narrow: bool
) -> None:
    wide = "phone" if narrow else "desk"
    exchange(services, pdf_renderer=ScreenPdfRenderer())
    exchange(services, settings=replace(services.settings, second_factor="required"))
    async with seat(browser, services, base, Role.ISSUER, narrow=narrow) as (page, trouble):
        await page.goto(f"{base}/console/issuances")
        await expect(page).to_have_url(f"{base}/console/second-factor")
        await look(page, f"second-factor-{wide}")
        await clean(page, "second factor")
        await page.get_by_label("您的密码").fill(PASSWORD)
        await page.get_by_role("button", name="开始设置").click()
        await expect(page.locator("#otp-offer")).to_be_visible()
        secret = await page.locator('#otp-offer [data-field="secret"]').inner_text()
        await look(page, f"second-factor-offer-{wide}")
        await page.get_by_label("6位动态码").fill(pyotp.TOTP(secret).at(clock.now()))
        await page.get_by_role("button", name="启用").click()
        await expect(page.locator("#recovery")).to_be_visible()
        await look(page, f"second-factor-recovery-{wide}")
        await clean(page, "recovery codes")
        codes = (await page.locator("#recovery pre").inner_text()).split()
        assert len(codes) == 10
        await page.get_by_role("button", name="我已记下").click()
        await expect(page).to_have_url(f"{base}/console/all-set")
        await page.goto(f"{base}/console/account")
        await look(page, f"account-{wide}")
        await clean(page, "account")
        await page.get_by_role("button", name="建立令牌").click()
        await look(page, f"account-token-{wide}")
        await page.get_by_label("用途").fill("夜间导出")
        await page.locator("#token-password").fill(PASSWORD)
        await page.locator("#token-otp").fill(codes[0])
        await page.get_by_label("签发、发放、撤销、更正和纸质证书").check()
        await page.locator("dialog[open]").get_by_role("button", name="建立", exact=True).click()
        await expect(page.locator("#token-shown")).to_be_visible()
        await page.get_by_role("button", name="我已记下").click()
        await expect(page.get_by_text("签发、发放、撤销、更正和纸质证书、查看和下载")).to_be_visible()
        await look(page, f"account-tokens-{wide}")
        assert trouble == []


@WIDTHS
@pytest.mark.parametrize("js", [True, False], ids=["js", "no-js"])
async def test_a_besieged_account_logs_in_by_a_picture(
    base: str, browser: Browser, services: Services, narrow: bool, js: bool
) -> None:
    wide = f"{'phone' if narrow else 'desk'}{'' if js else '-nojs'}"
    exchange(services, image_check=PillowImageCheck())
    made = await account(Role.OPERATOR)
    for _ in range(login_limits.TRIES_OF_ONE):
        name = made.username.encode().hex()
        await services.rate_limiter.hit(f"login:{name}:{made.login_epoch}", window=900)
    async with seat(browser, services, base, None, narrow=narrow, js=js) as (page, _):
        await page.goto(f"{base}/console/login")
        await page.get_by_label("用户名").fill(made.username)
        await page.get_by_label("密码", exact=True).fill(PASSWORD)
        await page.get_by_role("button", name="登录", exact=True).click()
        await expect(page.get_by_label("图中的字符")).to_be_visible()
        await look(page, f"login-picture-{wide}")
        if js:
            await clean(page, "log-in with a picture")


async def test_the_phone_pages(window: Window, services: Services) -> None:
    at = await make.school("京华职业技术学院")
    made = await officers.invite(
        services.clock, services.keys, at.id, "李新任", "19912340987", actor=make.OPERATOR
    )
    tab = window
    await tab.go(f"/h5/officer?invitation={made.token}")
    await tab.look("officer-accept")
    await tab.page.locator("#phone_last4").fill("0000")
    await tab.page.locator("#pin").fill("739105")
    await tab.page.locator("#pin_again").fill("739105")
    await tab.page.get_by_role("button", name="接受邀请").click()
    await expect(tab.page.get_by_text("还可以再试4次")).to_be_visible()
    await tab.look("officer-accept-wrong")
    await tab.page.locator("#phone_last4").fill("0987")
    await tab.page.locator("#pin").fill("739105")
    await tab.page.locator("#pin_again").fill("739105")
    await tab.page.get_by_role("button", name="接受邀请").click()
    await expect(tab.page.get_by_text("等待确认").first).to_be_visible()
    await tab.look("officer-pending")
    await officers.confirm(services.clock, services.queue, made.officer_id, actor=make.ADMIN)
    await joined(services, "周同事", "oOther", at=at, actor=make.OPERATOR)
    await tab.go("/h5/officer")
    await expect(tab.page.get_by_text("本校其他签发负责人")).to_be_visible()
    await tab.look("officer-colleagues")
    link = await officers.reset_pin(services.clock, made.officer_id, actor=make.OPERATOR)
    await tab.go(f"/h5/officer?invitation={link.token}")
    await expect(tab.page.get_by_role("heading", name="重新设置签发密码")).to_be_visible()
    await tab.look("officer-new-pin")
    await tab.go("/h5/bind")
    await tab.look("bind")


@WIDTHS
async def test_help_is_found_as_one_types(
    base: str, browser: Browser, services: Services, narrow: bool
) -> None:
    wide = "phone" if narrow else "desk"
    async with seat(browser, services, base, Role.ADMIN, narrow=narrow) as (page, trouble):
        await page.goto(f"{base}/console/refunds")
        await page.locator(".help-of summary").click()
        await look(page, f"help-link-{wide}")
        await page.locator(".help-of").get_by_role("link", name="全部帮助").click()
        await look(page, f"help-{wide}")
        shown = page.locator("[data-help]:visible")
        await page.fill("#find-help", "退费 银行")
        await expect(shown.first).to_have_text("怎样登记院校的对公转账")
        await expect(page.locator("#find-said")).to_contain_text("找到")
        await page.fill("#find-help", "没有这样的词")
        await expect(shown).to_have_count(0)
        await expect(page.locator("#find-said")).to_have_text("没有这样的一页，请换一个词。")
        await page.fill("#find-help", "差异 结账")
        await page.press("#find-help", "Enter")
        await expect(page.locator("h1")).to_have_text("怎样对账")
        assert await page.evaluate("[...document.images].every(one => one.complete && one.naturalWidth > 0)")
        await look(page, f"help-reconcile-{wide}")
        assert trouble == [] and "退费" not in page.url


@WIDTHS
async def test_the_go_live_list_ticks_itself_off_and_is_confirmed(
    base: str, browser: Browser, services: Services, narrow: bool
) -> None:
    wide = "phone" if narrow else "desk"
    exchange(
        services,
        doctor=FakeDoctor(Examined("ok", "Redis", "8"), Examined("bad", "公众号菜单", "有 2 处不同")),
    )
    async with seat(browser, services, base, Role.ADMIN, narrow=narrow) as (page, trouble):
        await page.goto(f"{base}/console/go-live")
        await look(page, f"go-live-before-{wide}")
        await page.get_by_role("button", name="再做一次体检").click()
        await expect(page.get_by_text("正在体检")).to_be_visible()
        await drained(services)
        await expect(page.locator("#line-menu .badge")).to_have_text("要处理")
        await page.get_by_role("button", name="确认：域名完成 ICP 备案").click()
        await page.fill("#confirm-note", "京ICP备0号")
        await look(page, f"go-live-confirm-{wide}")
        await page.locator("dialog[open]").get_by_role("button", name="确认", exact=True).click()
        await expect(page.locator("#line-icp")).to_contain_text("王敏　2026年11月23日 12:00 确认：京ICP备0号")
        await clean(page, "go-live")
        await look(page, f"go-live-{wide}")
        await page.get_by_role("button", name="收回确认").click()
        await page.locator("dialog[open]").get_by_role("button", name="收回", exact=True).click()
        await expect(page.locator("#line-icp .badge")).to_have_text("请确认")
        await page.goto(f"{base}/console/")
        await expect(page.locator(".due")).to_contain_text("体检发现的问题")
        assert trouble == []


@WIDTHS
async def test_the_service_is_seen_and_a_failed_job_retried(
    base: str, browser: Browser, services: Services, narrow: bool
) -> None:
    wide, now = "phone" if narrow else "desk", services.clock.now()
    await rows(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('default', 'imports.run', 'failed')"
    )
    for kind, pid in (("web", 4711), ("jobs", 4712)):
        await services.process_board.tell(
            ProcessBeat(host="xcert-a", pid=pid, kind=kind, version="0.1.0", began=now, seen=now, pool_used=2, pool_most=10)
        )  # fmt: skip
    async with seat(browser, services, base, Role.ADMIN, narrow=narrow) as (page, trouble):
        await page.goto(f"{base}/console/operations")
        await expect(page.locator("section:has(#h-jobs) .badge")).to_have_text("要处理")
        await clean(page, "operations")
        await look(page, f"operations-{wide}")
        await page.get_by_role("button", name="重试：imports.run").click()
        await expect(page.get_by_text("没有失败的任务。")).to_be_visible()
        assert trouble == []
