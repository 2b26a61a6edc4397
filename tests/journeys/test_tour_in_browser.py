"""The same tour by hand: two windows of a real browser, a desk and a phone, and a QR that is really scanned.

Set XCERT_SCREENSHOTS to a folder to look at every page of it.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from server import demo_cohort
from tests.journeys.people import NEW_PASSWORD
from tests.journeys.service import Service, last_four

pytestmark = [pytest.mark.browser, pytest.mark.slow]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PIN = "739264"
PATIENCE_MS = 60_000  # a bound for a slow machine, never a measure


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


def window(browser: Browser, *, phone: bool) -> Page:
    size = {"width": 375, "height": 812} if phone else {"width": 1440, "height": 900}
    context = browser.new_context(
        viewport=size,  # type: ignore[arg-type]  # a plain dict of width and height
        device_scale_factor=2 if phone else 1,
        has_touch=phone,
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    return page


def look(page: Page, name: str) -> None:
    """Keep a picture of the page, when somebody wants to look; and see that nothing hangs over its side."""
    if folder := os.environ.get("XCERT_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0, f"{name} is {wider} px wider than its window"


def log_in(page: Page, service: Service, username: str) -> None:
    page.goto(f"{service.url}/console/login")
    page.get_by_label("用户名").fill(username)
    page.get_by_label("密码", exact=True).fill(service.logins[username])
    page.get_by_role("button", name="登录").click()
    page.get_by_label("一次性密码").fill(service.logins[username])
    page.get_by_label("新密码", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("再输入一次新密码").fill(NEW_PASSWORD)
    page.get_by_role("button", name="保存并继续").click()
    expect(page.get_by_role("heading", name="首页")).to_be_visible()
    look(page, f"desk-home-{username}")


def sure(page: Page, button: str, yes: str) -> None:
    """Press a button and say yes in the dialogue that asks."""
    page.get_by_role("button", name=button, exact=True).first.click()
    page.locator("dialog[open]").get_by_role("button", name=yes, exact=True).click()


def consent(page: Page, person: str) -> None:
    """The sandbox asks who one is; the real WeChat knows."""
    page.get_by_text(person, exact=True).click()
    page.get_by_role("button", name="同意").click()


def scanned(page: Page) -> str:
    """The text of the QR that the desk shows, read from its pixels."""
    page.locator("#qr").wait_for()
    picture = Image.open(io.BytesIO(page.locator("#qr-frame").screenshot()))
    (found,) = zxingcpp.read_barcodes(picture)
    return str(found.text)


def passed_person(service: Service) -> tuple[demo_cohort.Person, str, str]:
    """Somebody the greeting names, the invitation of the officer of that person's school, and the phone's digits."""
    numbers = re.findall(r"\b99\d{15}[\dX]\b", service.greeting)
    people = {person.id_number: person for person in demo_cohort.people(60)}
    person = people[numbers[0]]
    mine = [line for line in service.greeting.splitlines() if line.strip().startswith(person.school)]
    line = next(line for line in mine if "/h5/officer?" in line)
    return person, line.partition("：")[2].strip(), last_four(line)


@pytest.mark.rule("S87")
@pytest.mark.rule("S93")
def test_by_hand(fresh: Service, chromium: Browser) -> None:
    person, invitation, digits = passed_person(fresh)
    desk, officer, candidate = (
        window(chromium, phone=False),
        window(chromium, phone=True),
        window(chromium, phone=True),
    )

    log_in(desk, fresh, "admin")
    desk.goto(f"{fresh.url}/console/plans")
    look(desk, "desk-plans")
    card = desk.locator("section, article, li").filter(has=desk.get_by_text(person.plan, exact=True)).last
    card.get_by_role("button", name="立即公布").click()
    desk.locator("dialog[open]").get_by_role("button", name="立即公布", exact=True).click()
    expect(card.get_by_text("已公布").first).to_be_visible()
    card.get_by_role("button", name="建立签发批次").click()
    desk.locator("dialog[open]").get_by_role("button", name="建立批次", exact=True).click()
    desk.wait_for_url(re.compile(r"/console/issuances\?plan_id="))
    look(desk, "desk-issuances")
    row = desk.locator("tr").filter(has_text=person.school).filter(has_text=person.level).first
    row.get_by_role("link").first.click()
    sure(desk, "签发", "签发")
    expect(desk.get_by_role("link", name="出示签发二维码")).to_be_visible()
    look(desk, "desk-issuance")
    desk.get_by_role("link", name="出示签发二维码").click()

    officer.goto(invitation)
    consent(officer, "陈一诺")
    look(officer, "phone-invitation")
    officer.get_by_label("您的手机号后四位").fill(digits)
    officer.locator("#pin").fill(PIN)
    officer.locator("#pin_again").fill(PIN)
    officer.get_by_role("button", name="接受邀请").click()
    expect(officer.get_by_text(person.school).first).to_be_visible()
    look(officer, "phone-officer")

    look(desk, "desk-qr")
    officer.goto(scanned(desk))
    look(officer, "phone-scan")
    expect(desk.locator("#qr-say")).to_contain_text("打开")
    look(desk, "desk-qr-opened")
    code = re.sub(r"\s", "", desk.locator("#digest").inner_text())
    assert code == re.sub(r"\s", "", officer.locator(".digest-code").inner_text())
    officer.locator("#sign #pin").fill(PIN)
    officer.get_by_role("button", name=re.compile("确认签发")).click()
    expect(officer.get_by_role("heading", name="签发完成")).to_be_visible()
    look(officer, "phone-signed")
    expect(desk.locator("#qr-done")).to_be_visible()
    look(desk, "desk-qr-signed")

    desk.get_by_role("link", name="返回批次").click()
    sure(desk, "发放", "发放")
    expect(desk.get_by_role("link", name="下载全部电子证书")).to_be_visible()
    look(desk, "desk-issued")

    candidate.goto(f"{fresh.url}/h5/bind")
    consent(candidate, "林知夏")
    look(candidate, "phone-bind")
    candidate.get_by_label("姓名").fill(person.name)
    candidate.get_by_label("身份证号码").fill(person.id_number)
    candidate.get_by_role("button", name="绑定").click()
    expect(candidate.get_by_text(str(person.score)).first).to_be_visible()
    look(candidate, "phone-results")
    candidate.goto(f"{fresh.url}/h5/certificates")
    look(candidate, "phone-certificates")
    number = re.search(r"\d{2}[A-Z]+\d{9}[0-9A-Z]", candidate.content())
    assert number is not None
    candidate.goto(f"{fresh.url}/h5/certificates/{number[0]}")
    picture = candidate.locator("main img").first
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.complete && image.naturalWidth > 800")
    look(candidate, "phone-certificate")
    address = candidate.locator("a[href*='/v/']").first.get_attribute("href")
    assert address is not None
    candidate.goto(address if address.startswith("http") else fresh.url + address)
    expect(candidate.get_by_text(number[0]).first).to_be_visible()
    look(candidate, "phone-verify")
    desk.goto(address if address.startswith("http") else fresh.url + address)
    look(desk, "desk-verify")
