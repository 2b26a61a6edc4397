"""README's tour by hand: a desk and two phones of the sandbox, and a QR that is really scanned.

Set XCERT_SCREENSHOTS to a folder to look at every page of it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.people import NEW_PASSWORD
from tests.journeys.readme_tour import Step, steps
from tests.journeys.service import Service, last_four
from tests.journeys.windows_of_tour import look, window

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PIN = "739264"


def log_in(step: Step, page: Page, service: Service, username: str) -> None:
    """The account is named in the step; its first log-in sets a password."""
    assert f"`{username}`" in step.text
    page.get_by_label("用户名").fill(username)
    page.get_by_label("密码", exact=True).fill(service.logins[username])
    page.get_by_role("button", name="登录").click()
    page.get_by_label("一次性密码").fill(service.logins[username])
    page.get_by_label("新密码", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("再输入一次新密码").fill(NEW_PASSWORD)
    page.get_by_role("button", name="保存并继续").click()
    expect(page.get_by_role("heading", name="首页")).to_be_visible()
    look(page, f"desk-home-{username}")


def check(step: Step, page: Page, service: Service, kind: str, file: str) -> None:
    """Choose what it is and the file, and have it checked."""
    assert f"`{file}`" in step.text
    page.goto(f"{service.url}/console/imports")
    page.get_by_role("radio", name=re.compile(f"^{step.word(kind)}")).check()
    page.set_input_files("#file", service.folder / "var" / "examples" / file)
    step.press(page, "检查这份表格")


def sure(step: Step, page: Page, button: str, yes: str) -> None:
    step.press(page, button)
    step.press(page.locator("dialog[open]"), yes)


def printed(service: Service, name: str) -> tuple[str, str, str]:
    """What the greeting prints for a person: the line, what a form asks for, and the phone's last digits."""
    line = next(one for one in service.greeting.splitlines() if name in one)
    asked = re.search(r"http\S+|99\d{15}[\dX]", line)
    assert asked is not None
    return line, asked[0], last_four(line)


@pytest.mark.rule("S87")
@pytest.mark.rule("S93")
@pytest.mark.timeout(600)
def test_readmes_tour(fresh: Service, chromium: Browser, tmp_path: Path) -> None:
    importing, releasing, signing, scanning, handing, looking, verifying, troubling = steps()
    desk, officer, candidate = (
        window(chromium, phone=False),
        window(chromium, phone=False),
        window(chromium, phone=False),
    )

    desk.goto(f"{fresh.url}/console/")
    log_in(importing, desk, fresh, "operator")
    importing.press(desk, "导入", "link")
    check(importing, desk, fresh, "成绩", "成绩（有错误的）.xlsx")
    expect(desk.locator("#run .note").first).to_contain_text("行没有通过")
    look(desk, "desk-import-errors")
    for kind, file in (("考生信息", "考生信息.xlsx"), ("成绩", "成绩.xlsx")):
        check(importing, desk, fresh, kind, file)
        importing.press(desk, "写入这 40 行")
        expect(desk.locator("#run .note.good").first).to_contain_text("全部写入完成")
    check(importing, desk, fresh, "成绩", "成绩.xlsx")
    importing.see(desk.locator("#run"), "没有变化")
    look(desk, "desk-import-same")
    importing.end()

    releasing.press(desk, "考试计划", "link")
    plan = desk.locator("article").filter(has_text=releasing.word("2023年9月22日社会心理服务证书考试计划"))
    releasing.press(plan, "立即公布")
    releasing.press(desk.locator("dialog[open]"), "立即公布")
    expect(plan.get_by_text("已公布").first).to_be_visible()
    look(desk, "desk-plans")
    releasing.end()

    signing.press(desk, "退出登录")
    log_in(signing, desk, fresh, "issuer")
    signing.press(desk, "考试计划", "link")
    signing.press(plan, "建立签发批次")
    signing.press(desk.locator("dialog[open]"), "建立批次")
    desk.wait_for_url(re.compile(r"/console/issuances\?"))
    row = (
        desk.locator("tr")
        .filter(has_text=signing.word("京华职业技术学院"))
        .filter(has_text=signing.word("初级"))
    )
    row.get_by_role("link").first.click()
    look(desk, "desk-issuance")
    sure(signing, desk, "签发", "签发")
    signing.see(desk.locator(".life .now"), "考核站点待签发")
    signing.end()

    scanning.press(desk, "出示签发二维码", "link")
    desk.locator("#qr").wait_for()
    officer.goto(f"{fresh.sandbox}/phone")
    scanning.press(officer, "王建华", exact=False)
    scanning.press(officer, "发现")
    _, invitation, digits = printed(fresh, "王建华")
    scanning.fill(officer, "在微信里打开网页", invitation)
    scanning.press(officer, "打开")
    page = officer.frame_locator("iframe.web")
    scanning.fill(page, "您的手机号后四位", digits)
    scanning.fill(page, "签发密码", PIN)
    scanning.fill(page, "再输入一次", PIN)
    look(officer, "phone-invitation")
    scanning.press(page, "接受邀请")
    expect(page.get_by_role("heading", name="院校签发")).to_be_visible()
    scanning.press(officer, "返回")
    scanning.press(officer, "扫一扫", exact=False)
    screen = tmp_path / "screen.png"
    desk.screenshot(path=screen)
    with officer.expect_file_chooser() as choosing:
        scanning.press(officer, "相册")
    choosing.value.set_files(screen)
    expect(page.get_by_role("heading", name="签发确认")).to_be_visible()
    look(officer, "phone-scan")
    code = re.sub(r"\s", "", desk.locator("#digest").inner_text())
    assert code == re.sub(r"\s", "", page.locator(".digest-code").inner_text())
    page.locator("#sign").get_by_label(scanning.word("签发密码")).fill(PIN)
    scanning.press(page, "确认签发 11 份证书")
    scanning.see(page, "签发完成")
    look(officer, "phone-signed")
    scanning.see(desk.locator("#qr-done"), "王建华已确认签发")
    scanning.end()

    handing.press(desk, "返回批次", "link")
    sure(handing, desk, "发放", "发放")
    expect(desk.locator(".life .now, .life .done").last).to_contain_text(
        re.compile(f"{handing.word('证书生成中')}|已发放")
    )
    expect(desk.get_by_role("link", name="下载全部电子证书")).to_be_visible()
    handing.see(desk.locator(".life"), "已发放")
    look(desk, "desk-issued")
    handing.end()

    _, number, digits = printed(fresh, "罗云曦")
    candidate.goto(f"{fresh.sandbox}/phone")
    looking.press(candidate, "罗云曦", exact=False)
    looking.press(candidate, "还没有关注", exact=False)
    looking.press(candidate, "关注")
    looking.press(candidate, "写消息")
    candidate.get_by_label("消息", exact=True).fill(looking.word("成绩"))
    looking.press(candidate, "发送")
    looking.press(candidate.locator(".said").last, "绑定考生信息", "link", exact=False)
    page = candidate.frame_locator("iframe.web")
    looking.fill(page, "姓名", "罗云曦")
    looking.fill(page, "证件号码", number)
    looking.fill(page, "手机号后四位", digits)
    look(candidate, "phone-bind")
    looking.press(page, "同意并绑定")
    expect(page.get_by_text("69.7").first).to_be_visible()
    looking.see(page, "提醒我") if page.get_by_text("提醒我").count() else looking.word("提醒我")
    looking.press(page, "查看我的证书", "link")
    looking.press(page, "查看与保存", "link")
    picture = page.locator("main img").first
    expect(picture).to_be_visible()
    looking.see(page, "打开 PDF 证书")
    look(candidate, "phone-certificate")
    certificate = re.search(r"\d{2}[A-Z]+\d{9}[0-9A-Z]", page.locator("main").inner_text())
    assert certificate is not None
    looking.word("服务通知"), looking.word("小程序")
    looking.end()

    verifying.press(page, "打开核验页", "link")
    verifying.see(page, "证书有效")
    verifying.press(desk, "证书", "link")
    desk.wait_for_load_state()
    look(desk, "desk-certificates")
    verifying.fill(desk, "证书编号", certificate[0])
    verifying.press(desk, "查找")
    desk.get_by_role("button", name=f"{verifying.word('撤销')} {certificate[0]}").click()
    verifying.fill(desk, "撤销原因", "走一遍时试撤销")
    verifying.press(desk, "确认撤销")
    expect(desk.get_by_text("证书已撤销").first).to_be_visible()
    candidate.get_by_role("button", name="更多").click()
    candidate.get_by_role("button", name="刷新").click()
    verifying.see(page, "证书已撤销")
    look(candidate, "phone-revoked")
    verifying.end()

    for path in re.findall(r"<http://127.0.0.1:8001(/\S*?)>", troubling.text):
        assert desk.goto(fresh.sandbox + path).status == 200  # type: ignore[union-attr]
    troubling.end()
