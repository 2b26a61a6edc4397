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
from tests.journeys.service import Service
from tests.journeys.tour_in_program import in_the_program, printed
from tests.journeys.windows_of_tour import look, window

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PIN = "739264"


def log_in(step: Step, page: Page, service: Service, username: str) -> None:
    """The account is named in the step; its first log-in sets a password."""
    assert f"`{username}`" in step.text
    page.get_by_label("用户名").fill(username)
    page.get_by_label("密码", exact=True).fill(service.logins[username])
    page.get_by_role("button", name="登录", exact=True).click()
    page.get_by_label("一次性密码").fill(service.logins[username])
    page.get_by_label("新密码", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("再输入一次新密码").fill(NEW_PASSWORD)
    page.get_by_role("button", name="保存并继续").click()
    expect(page.get_by_role("heading", name="首页")).to_be_visible()
    look(page, f"desk-home-{username}")


def log_in_again(step: Step, page: Page, username: str) -> None:
    """The account's password was set before."""
    assert f"`{username}`" in step.text
    page.get_by_label("用户名").fill(username)
    page.get_by_label("密码", exact=True).fill(NEW_PASSWORD)
    page.get_by_role("button", name="登录", exact=True).click()
    expect(page.get_by_role("heading", name="首页")).to_be_visible()


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


def pay_and_give_back(step: Step, desk: Page, payer: Page, service: Service) -> None:
    """The tour's money: a price, a fee, a payment in the sandbox's cashier, a refund by two, and where the books are."""
    step.press(desk, "退出登录")
    log_in(step, desk, service, "finance")
    step.press(desk, "价格", "link")
    form = desk.locator("form[data-api='POST /prices']")
    for label, choice in (
        ("考试计划", "2023年9月22日社会心理服务证书考试计划"),
        ("等级", "初级"),
        ("考生类型", "社会考生"),
    ):
        form.get_by_label(step.word(label), exact=True).select_option(label=step.word(choice))
    step.fill(form, "价格（元）", "120.50")
    step.press(form, "设定价格")
    expect(desk.get_by_text("120.50").first).to_be_visible()
    fee = desk.locator("tr").filter(has_text="沈*")
    for _ in range(60):
        step.press(desk.get_by_role("navigation").first, "缴费", "link")
        desk.wait_for_load_state()
        if fee.count():
            break
        desk.wait_for_timeout(1000)
    look(desk, "desk-fees")

    name = step.word("沈珍")
    _, number, digits = printed(service, name)
    payer.goto(f"{service.sandbox}/phone")
    payer.get_by_role("button", name=re.compile(name)).first.click()
    step.press(payer, "发现")
    [address] = re.findall(r"<http://127.0.0.1:8000(/h5/\S*?)>", step.text)
    step.fill(payer, "在微信里打开网页", service.url + address)
    step.press(payer, "打开")
    page = payer.frame_locator("iframe[title=网页]")
    for label, value in (("姓名", name), ("证件号码", number), ("手机号后四位", digits)):
        step.fill(page, label, value)
    step.press(page, "同意并绑定")
    expect(page.get_by_role("heading", name="成绩查询")).to_be_visible()
    step.press(page, "缴费", "link", exact=False)
    step.press(page, "去付款", exact=False)
    step.press(page, "微信支付")
    cashier = payer.frame_locator("iframe[title=微信支付]")
    step.press(cashier, "确认支付")
    step.press(cashier, "完成")
    expect(page.locator(".state").first).to_have_text(step.word("已支付"))
    look(payer, "phone-paid")

    step.press(desk, "订单", "link")
    desk.locator("main tbody").get_by_role("link").first.click()
    step.press(desk, "提出退款")
    dialog = desk.locator("dialog[open]")
    step.fill(dialog, "退款原因", "走一遍时试退款")
    step.press(dialog, "提出退款")
    expect(dialog).to_have_count(0)
    look(desk, "desk-order")
    step.press(desk, "退出登录")
    log_in(step, desk, service, "admin")
    step.press(desk.get_by_role("navigation").first, "退款", "link")
    desk.locator("main tbody").get_by_role("button", name=re.compile(f"^{step.word('批准')}")).first.click()
    step.press(desk.locator("dialog[open]"), "批准")
    desk.wait_for_load_state()
    expect(desk.locator("main tbody")).not_to_contain_text("待批准")
    for _ in range(240):  # WeChat Pay of the sandbox takes its time, as the real one does
        payer.get_by_role("button", name="更多").click()
        payer.get_by_role("button", name="刷新").click()
        expect(page.locator(".state").first).to_be_visible()
        if page.locator(".state").first.inner_text() == "已退款":
            break
        payer.wait_for_timeout(1000)
    expect(page.locator(".state").first).to_have_text(step.word("已退款"))
    step.press(desk.get_by_role("navigation").first, "对账", "link")
    step.press(desk, "导出账目")
    expect(desk.locator("dialog[open]")).to_be_visible()
    look(desk, "desk-reconciliation")
    desk.keyboard.press("Escape")
    step.end()


def correct_a_name(step: Step, desk: Page, officer: Page, folder: Path) -> None:
    """One asks with the letter, another approves, and the officer who has signed before signs a batch of one."""
    step.press(desk, "证书", "link")
    main = desk.locator("main")
    number = main.locator("tr").filter(has_text="有效").locator("td").first.inner_text().split()[0]
    main.get_by_role("link", name=f"{step.word('更正')} {number}").click()
    step.fill(desk, "姓名", "罗云希")
    letter = folder / "函件.pdf"
    letter.write_bytes(b"%PDF-1.7 letter")
    desk.get_by_label(step.word("加盖公章的正式函件")).set_input_files(letter)
    step.fill(desk, "缘由", "走一遍时试更正")
    step.press(desk, "提出更正")
    expect(desk.get_by_text("等待另一个人").first).to_be_visible()
    look(desk, "desk-correction")
    step.press(desk, "退出登录")
    log_in_again(step, desk, "operator")
    step.press(desk, "更正", "link")
    step.press(desk, "第 1 件", "link")
    sure(step, desk, "批准", "批准")
    expect(desk.get_by_text("办理中").first).to_be_visible()
    step.press(desk, "退出登录")
    log_in_again(step, desk, "issuer")
    step.press(desk, "签发批次", "link")
    main.locator("tr").filter(has_text=step.word("更正换发")).get_by_role("link").first.click()
    sure(step, desk, "签发", "签发")
    step.press(desk, "出示签发二维码", "link")
    desk.locator("#qr").wait_for()
    step.press(officer, "返回")
    screen = folder / "another-screen.png"
    desk.screenshot(path=screen)
    with officer.expect_file_chooser() as choosing:
        step.press(officer, "相册")
    choosing.value.set_files(screen)
    page = officer.frame_locator("iframe.web")
    page.locator("#sign").get_by_label(step.word("签发密码")).fill(PIN)
    look(officer, "phone-scan-correction")
    step.press(page, "确认签发 1 份证书")
    expect(page.get_by_text("签发完成").first).to_be_visible()
    step.press(desk, "返回批次", "link")
    sure(step, desk, "发放", "发放")
    expect(desk.get_by_role("link", name="下载全部电子证书")).to_be_visible()
    step.press(desk, "证书", "link")
    step.see(main.locator("table"), "已更正换发")
    look(desk, "desk-corrected")
    step.end()


def send_to_many(step: Step, desk: Page, phone: Page, service: Service) -> None:
    """The tour's campaign: a draft, its people and its look, a second person, the phone, the ends and their workbook."""
    step.press(desk, "退出登录")
    log_in(step, desk, service, "notifier")
    step.press(desk.get_by_role("navigation").first, "群发", "link")
    step.press(desk, "起草群发", "link")
    step.fill(desk, "名称（只给同事看）", step.word("走一遍"))
    for label, choice in (
        ("类别", "成绩事项"),
        ("模板", "成绩发布通知"),
        ("考试名称", "每人的考试名称"),
        ("考试日期", "每人的考试日期"),
    ):
        desk.get_by_label(step.word(label), exact=True).select_option(label=step.word(choice))
    step.fill(desk, "发布时间的文字", "2026年12月1日 09:00")
    desk.get_by_label(step.word("2023年9月22日社会心理服务证书考试计划"), exact=True).check()
    for label in ("免打扰从", "免打扰到"):
        step.fill(desk, label, "")
    look(desk, "desk-campaign-form")
    step.press(desk, "保存草稿")
    step.see(desk.locator("#audience"), "送不到的原因")
    step.press(desk, "用真人的信息看")
    expect(desk.locator(".message .slot")).to_have_count(0)
    look(desk, "desk-campaign-draft")
    sure(step, desk, "提交批准", "提交批准")
    expect(desk.locator(".life .now")).to_contain_text("待批准")
    step.press(desk, "退出登录")
    log_in_again(step, desk, "admin")
    step.press(desk.get_by_role("navigation").first, "群发", "link")
    step.press(desk.locator("main"), "走一遍", "link")
    expect(
        desk.get_by_role("button", name="批准", exact=True)
    ).to_be_enabled()  # the snapshot is written by then
    sure(step, desk, "批准", "批准")
    sure(step, desk, "开始发送", "开始发送")
    expect(desk.locator(".life .done").last).to_contain_text(step.word("已完成"))
    look(desk, "desk-campaign-done")
    phone.goto(f"{service.sandbox}/phone")
    phone.get_by_role("button", name=re.compile("罗云曦")).first.click()
    step.see(phone, "成绩发布通知")
    look(phone, "phone-campaign")
    step.press(desk, "每个人的结局", "link")
    look(desk, "desk-deliveries")
    with desk.expect_download() as download:
        step.press(desk, "导出表格", "link")
    assert download.value.suggested_filename.endswith(".xlsx")
    step.end()


@pytest.mark.rule("C3")
@pytest.mark.rule("S57")
@pytest.mark.rule("S87")
@pytest.mark.rule("S93")
@pytest.mark.timeout(900)
def test_readmes_tour(fresh: Service, chromium: Browser, tmp_path: Path) -> None:
    importing, releasing, signing, scanning, handing, looking, *rest = steps()
    verifying, correcting, paying, telling, troubling = rest
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
    releasing.press(plan, "查看并公布", "link")
    releasing.press(desk, "提出公布")
    releasing.press(desk.locator("dialog[open]"), "提出公布")
    expect(desk.locator("main")).to_contain_text("等待另一位同事批准")
    look(desk, "desk-plan")
    releasing.press(desk, "退出登录")
    log_in(releasing, desk, fresh, "issuer")
    releasing.press(desk, "考试计划", "link")
    releasing.press(plan, "查看并公布", "link")
    releasing.press(desk, "批准公布")
    releasing.press(desk.locator("dialog[open]"), "批准公布")
    expect(desk.locator("main")).to_contain_text("起已公布")
    releasing.end()

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
    looking.word("服务通知")
    in_the_program(looking, window(chromium, phone=True), fresh)
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

    correct_a_name(correcting, desk, officer, tmp_path)
    pay_and_give_back(paying, desk, window(chromium, phone=False), fresh)
    send_to_many(telling, desk, candidate, fresh)

    for path in re.findall(r"<http://127.0.0.1:8001(/\S*?)>", troubling.text):
        assert desk.goto(fresh.sandbox + path).status == 200  # type: ignore[union-attr]
    troubling.end()
