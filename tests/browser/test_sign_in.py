"""Accounts, log-ins and rights in Chromium: the pages at both sizes, read by axe as well; a first log-in by a passkey.

The passkey is made by Chromium's virtual authenticator (CDP, domain WebAuthn).
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import replace
from io import BytesIO

import pytest
import zxingcpp
from PIL import Image
from playwright.async_api import Browser, Page, expect

from server.adapters.webauthn_keys import WebAuthnPasskeys
from server.domain.actor import SYSTEM
from server.domain.auth import login_limits, logins
from server.domain.people import staff, staff_changes
from server.domain.people.staff_changes import WantedChange
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import ConsoleSession, Passkey
from tests.kit import make
from tests.kit.accessibility import clean
from tests.kit.console_desk import PASSWORD, account
from tests.kit.console_pages import ScreenPdfRenderer, look, seat
from tests.kit.exchange import exchange
from tests.kit.history import ME
from tests.kit.windows import window

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def read_qr(png: str) -> str:
    """What a data: address of a picture of a QR says."""
    image = Image.open(BytesIO(b64decode(png.partition(",")[2])))
    return str(zxingcpp.read_barcodes(image)[0].text)


async def a_staff(s: Services) -> int:
    """Accounts with log-ins and changes that wait; the id of one of them."""
    made = await account(Role.OPERATOR)
    other = await account(Role.ADMIN, username="zhou.min")
    await account(Role.SCHOOL, school=await make.school(), username="school-1")
    for agent in ("Windows 上的 Chrome", "iPhone 上的 微信"):
        came = login_limits.From(address="113.200.1.7", agent=agent)
        await logins.log_in(s, made.username, PASSWORD, "", came)
    for wanted in (
        WantedChange(act="reset_password", reason="本人到办公室提出，已核对工作证"),
        WantedChange(act="set_role", reason="调到财务处，人事通知第 12 号", role="finance"),
    ):
        await staff_changes.ask(s.clock, made.id, wanted, actor=staff.actor_of(other))
    return int(made.id)


@pytest.mark.parametrize("narrow", [False, True], ids=["desk", "phone"])
async def test_the_pages_of_accounts(base: str, browser: Browser, services: Services, narrow: bool) -> None:
    one = await a_staff(services)
    async with seat(browser, services, base, Role.ADMIN, narrow=narrow) as (page, trouble):
        for path in ("accounts", f"accounts/{one}", "account-changes", "rights", "account"):
            await page.goto(f"{base}/console/{path}")
            await look(page, f"{path.replace('/', '-')}-{'phone' if narrow else 'desk'}")
            if not narrow:
                await clean(page, path)
        assert trouble == []


async def a_device(page: Page) -> None:
    """A device with keys and a person who shows finger or face, plugged into this tab."""
    line = await page.context.new_cdp_session(page)
    await line.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    await line.send("WebAuthn.addVirtualAuthenticator", {"options": options})


@pytest.mark.parametrize("narrow", [False, True], ids=["desk", "phone"])
async def test_a_first_log_in_is_led_to_its_end_and_the_next_one_takes_a_touch(
    base: str, browser: Browser, services: Services, narrow: bool
) -> None:
    at = base.replace("127.0.0.1", "localhost")  # a browser takes no passkey for a bare address
    exchange(
        services,
        settings=replace(services.settings, second_factor="required"),
        passkeys=WebAuthnPasskeys(at),
    )
    first = await staff.create(
        services.clock, services.password_hasher, "li.hua", "issuer", name="李华", actor=SYSTEM
    )
    size = "phone" if narrow else "desk"
    async with seat(browser, services, base, None, narrow=narrow) as (page, trouble):
        await a_device(page)

        async def seen(name: str) -> None:
            await look(page, f"first-{name}-{size}")
            if not narrow:
                await clean(page, name)

        await page.goto(f"{at}/console/plans")
        await expect(page.get_by_role("button", name="用通行密钥登录")).to_be_visible()
        await seen("log-in")
        await page.fill("#username", "li.hua")
        await page.fill("#password", first)
        await page.get_by_role("button", name="登录", exact=True).click()
        await expect(page.locator("[aria-current=step]")).to_have_text("换密码")
        await seen("password")
        await page.fill("#old_password", first)
        for field in ("#new_password", "#again"):
            await page.fill(field, "秋天的银杏叶落满山坡")
        await page.click("text=保存并继续")
        await expect(page.locator("[aria-current=step]")).to_have_text("第二重验证")
        await seen("second-factor")
        await page.click("text=用通行密钥，开始设置")
        await page.fill("#passkey-label", "办公室电脑")
        await page.fill("#passkey-password", "秋天的银杏叶落满山坡")
        await page.get_by_role("button", name="继续").click()
        await expect(page.locator("#recovery pre")).not_to_be_empty()
        await page.keyboard.press("Escape")
        await expect(page.locator("#recovery")).to_be_visible()
        await seen("codes")
        await page.click("text=我已记下")
        await expect(page.locator("h1")).to_have_text("都设好了")
        await seen("done")
        await page.click("text=进入工作台")
        await page.goto(f"{at}/console/account")
        await seen("account")
        await page.get_by_role("button", name="建立令牌").click()
        await page.fill("#label", "夜间导出")
        await page.fill("#token-password", "秋天的银杏叶落满山坡")
        await page.get_by_role("button", name="改用通行密钥验证").click()
        await expect(page.locator("[data-passkey-said]")).to_contain_text("已用通行密钥验证")
        await seen("token-by-passkey")
        await page.get_by_role("button", name="建立", exact=True).click()
        await expect(page.locator("#token-shown [data-field=token]")).to_have_value(re.compile("^xct_"))
        async with page.expect_navigation():
            await page.locator("#token-shown").get_by_role("button", name="我已记下").click()
        await page.evaluate("document.querySelector('form[action=\"/console/logout\"]').submit()")
        await page.get_by_role("button", name="用通行密钥登录").click()
        await expect(page.locator("h1")).to_have_text("首页")
        assert trouble == []
    assert (await Passkey.get()).last_used_at is not None
    assert [one.way for one in await ConsoleSession.all().order_by("began_at", "id")].count("passkey") == 1


@pytest.mark.parametrize("narrow", [False, True], ids=["desk", "phone"])
async def test_scanning_lets_the_desk_in(
    base: str, browser: Browser, services: Services, narrow: bool
) -> None:
    """Bound at the desk, then logged in by it; the phone is a window of WeChat's on our page."""
    exchange(services, pdf_renderer=ScreenPdfRenderer(), settings=replace(services.settings, public_url=base))
    made, size = await account(Role.OPERATOR), "phone" if narrow else "desk"
    async with (
        seat(browser, services, base, Role.OPERATOR, narrow=narrow) as (page, trouble),
        window(browser, services, base, ME) as phone,
    ):

        async def scanned(yes: str) -> None:
            await expect(page.locator("[data-scan=number]")).to_have_text(re.compile(r"\d\d"))
            number = await page.locator("[data-scan=number]").inner_text()
            [png] = await page.locator("[data-scan=png]").evaluate_all("all => all.map(one => one.src)")
            await phone.page.goto(read_qr(png))
            await expect(page.locator("[data-scan=state]")).to_contain_text("已扫描")
            await look(phone.page, f"scan-phone-{yes}-{size}")
            await clean(phone.page, "the phone's page")
            await phone.page.fill("#number", number)
            await phone.page.get_by_role("button", name=yes).click()
            await expect(phone.page.locator("h1")).to_have_text("已确认")
            await look(phone.page, f"scan-phone-done-{size}")

        await page.goto(f"{base}/console/account")
        await page.get_by_role("button", name="绑定微信").click()
        await page.fill("#bind-password", PASSWORD)
        await page.get_by_role("button", name="出示二维码").click()
        await expect(page.locator("#scan")).to_be_visible()
        await look(page, f"scan-bind-{size}")
        await scanned("绑定")
        await expect(page.locator("#toast")).to_contain_text("微信已绑定")
        await page.context.clear_cookies()
        await page.goto(f"{base}/console/")
        await page.get_by_role("button", name="微信扫码登录").click()
        await expect(page.locator("[data-scan=number]")).not_to_be_empty()
        await look(page, f"scan-log-in-{size}")
        await clean(page, "the code")
        await scanned("确认登录")
        await expect(page.locator("h1")).to_have_text("首页")
        assert trouble == []
    assert [one.way for one in await ConsoleSession.filter(staff_id=made.id)] == ["wechat"]
