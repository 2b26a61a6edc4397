"""The pages of candidates and officers in English: complete, and Chinese only where it is a name, marked as such."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from sanic import Sanic

from server.domain.auth import web_login
from server.domain.certificates import revocation
from server.domain.notices.telling import Notice, tell
from server.domain.ports import Services, WeChatIdentity
from server.domain.roles import Role
from server.models import Binding, Fee
from server.web import languages, templating
from server.web.h5.login import SESSION_COOKIE
from server.web.phrases import HAN, Phrases
from server.web.template_words import Reader
from tests.kit import issuing, make, paying
from tests.kit.console_desk import seated
from tests.kit.english import chinese_in, in_script, lacking, literals
from tests.kit.exchange import exchange
from tests.kit.fake_pay import FakePay
from tests.kit.h5 import ME
from tests.kit.lookups import bound, sealed_certificate
from tests.kit.noticing import FIELDS

App = Sanic[Any, Any]
ROOT = Path(__file__).resolve().parents[2]
# Modules whose Chinese is said on these pages, or as a refusal of what is done there.
SAYING = ("server/web/h5", "server/web/console", "server/web/scan.py", "server/web/said_once.py", "server/web/problems.py",
    "server/errors.py", "server/domain")  # fmt: skip
# Modules that say nothing on a page in English: what people get elsewhere, or read in Chinese alone.
ELSEWHERE = (
    "server/domain/wechat_chat", "server/domain/public_log", "server/domain/certificates/offline",
    "server/domain/certificates/wallet_credentials", "server/domain/certificates/data_integrity",
    "server/domain/certificates/packing", "server/domain/issuance/offline", "server/domain/issuance/roster",
    "server/domain/issuance/archives", "server/domain/issuance/given_files", "server/domain/audit/chain",
    "server/domain/campaigns/person_fields",
    "server/domain/payments/accounts_export", "server/domain/payments/chinese_amount",
    "server/domain/people/common_passwords", "server/domain/people/names", "server/domain/notices/short_names",
    "server/domain/notices/template_check", "server/domain/notices/wanted_templates",
    "server/domain/portal_lists/differences_workbook",
    "server/domain/privacy/candidate_tables", "server/domain/privacy/other_tables", "server/domain/privacy/holding",
    "server/domain/privacy/held_rows", "server/domain/privacy/wiping", "server/domain/privacy/retention", "server/domain/privacy/redoing", "server/domain/privacy/other_people",
    "server/web/console/personal_copies",
)  # fmt: skip
WORDS = ("english.js", "english-console.js")  # scripts that hold the English of the others
SILENT = ("docs.js",)  # of pages that are in Chinese alone
UNSAID = re.compile(
    r"[々零⺁豈𠀀\[\U0003fffd鿿].*|.*\.(?:json|xlsx|pdf|zip|csv)|.*\{1\}\.\{2\}|\| .* \||SELECT .*|\s*UPDATE .*|第\?.*|试发.s.*|\^.*"
    r"|人|项|元|万|\{1\}[元分]|\{1\}年\{2\}月\{3\}日|本服务没有配置微信支付|稳定的英文代码|中文说明与下一步|（版次加一）"
    r"|社会心理服务（初级）|姓名、证件号码更正|2026年第四批全国统考|第一职业技术学院|考试取消|candidates 考生信息.*|: 还在.*"
    r"|用会话登录时必须提供|登录后的会话|确认新建的名称，如 .*|导出时间.*|\{1\}　账目.*|交接单-.*|签发名单-.*|京华职业技术学院|护理"
    r"|社会心理服务（机考）|高职|崔子涵|2023年9月22日社会心理服务证书考试计划|二代身份证|身份证|%s 的.*|在门户清单里|发现时间|处理人",
    re.DOTALL,
)
NAMES = (
    r"王敏|崔子涵|欧阳慧敏|买买提·吐尔逊|王𠮷|王签发|签发员|何未过|财务[甲乙]|[\u4e00-\u9fff](?=\*)|第?\d+职业技术学院|京华职业技术学院|教务处"
    r"|北京第一职业技术学院|\d+年\d+月\d+日社会心理服务证书考试计划|北京中文在线教育科技发展有限公司|社会心理服务（机考）|中文"
    r"|第2位姓名有误|社会心理服务职业技能等级证书初级|考试违纪|成绩单?\.xlsx|护理|高职|证"
)  # of people, schools, subjects and files, and what somebody wrote
QUOTED = sorted(
    {
        run
        for said in languages.english().known.values()
        for run in re.findall(r"[\u3400-\u9fff（）]{2,}", said)
    },
    key=len,
)
ALLOWED = re.compile("|".join([*(re.escape(one.strip("（")) for one in reversed(QUOTED)), NAMES]))


def speaking() -> list[str]:
    """Every template that speaks English without being marked, and those that they stand in."""
    names = [
        str(path.relative_to(templating.TEMPLATES)) for path in sorted(templating.TEMPLATES.rglob("*.html"))
    ]
    silent = (*templating.MARKED, *templating.CHINESE_ALONE)
    return [
        "phone.html",
        *(one for one in names if one.startswith(templating.SPEAKING) and not one.startswith(silent)),
    ]


@pytest.mark.parametrize("name", speaking())
def test_every_sentence_of_a_template_has_its_english(name: str) -> None:
    reader = Reader(languages.english().exact)
    reader.translate((templating.TEMPLATES / name).read_text("utf-8"))
    said = {chinese for chinese, _ in reader.asked if HAN.search(chinese)}
    assert lacking(said, languages.english()) == set(), "into server/web/locale/en/"


def said_by(path: Path) -> set[str]:
    return {one for one in literals(path) if not UNSAID.fullmatch(one)}


def modules() -> list[str]:
    found = [
        str(one.relative_to(ROOT))
        for name in SAYING
        for one in ([ROOT / name] if name.endswith(".py") else sorted((ROOT / name).rglob("*.py")))
    ]
    return [one for one in found if not one.startswith(ELSEWHERE) and said_by(ROOT / one)]


@pytest.mark.parametrize("name", modules())
def test_whatever_the_program_says_there_has_its_english(name: str) -> None:
    assert lacking(said_by(ROOT / name), languages.english()) == set(), "into server/web/locale/en/"


@pytest.mark.parametrize("path", sorted((ROOT / "static/js").glob("*.js")), ids=lambda path: path.name)
def test_what_a_script_says_has_its_english(path: Path) -> None:
    known = set().union(*(in_script((ROOT / "static/js" / one).read_text("utf-8")) for one in WORDS))
    if path.name not in (*WORDS, *SILENT):
        assert in_script(path.read_text("utf-8")) - known == set(), (
            "into static/js/english.js or english-console.js"
        )


def browser(services: Services, who: WeChatIdentity, language: str = "en") -> dict[str, str]:
    cookie = f"{SESSION_COOKIE}={web_login.session_for(services, who)}; xcert_language={language}"
    return {"cookie": cookie, "accept": "text/html", "origin": "http://127.0.0.1:8000"}


async def get(app: App, path: str, headers: dict[str, str]) -> Any:
    return (await app.asgi_client.get(path, headers=headers, follow_redirects=False))[1]


async def post(app: App, path: str, headers: dict[str, str], **said: str) -> Any:
    return (await app.asgi_client.post(path, headers=headers, data=said, follow_redirects=False))[1]


def assert_english(pages: dict[str, Any]) -> None:
    left = {(name, text) for name, page in pages.items() for text in chinese_in(page.text, ALLOWED)}
    assert left == set()
    assert [name for name, page in pages.items() if '<html lang="en"' not in page.text] == []


async def test_a_candidates_pages(app: App, services: Services) -> None:
    exchange(services, pay=FakePay(services.settings, services.clock))
    me = browser(services, ME)
    pages = {
        "form": await get(app, "/h5/bind", me),
        "missed": await post(app, "/h5/bind", me, name="崔子涵", id_number=make.id_number(4055)),
        "wrong": await post(app, "/h5/bind", me, name="", id_number="12345"),
        "question": await get(app, "/h5/bind?check=question", me),
        "unbound results": await get(app, "/h5/results", me),
        "unbound notices": await get(app, "/h5/notices", me),
        "unbound orders": await get(app, "/h5/orders", me),
    }
    fee = await paying.owing(services, await paying.priced(services))
    assert fee.candidate_id is not None
    await Binding.create(
        account="oa", openid=ME.openid, candidate_id=fee.candidate_id, bound_at=services.clock.now()
    )
    await tell(
        services.settings,
        services.clock,
        services.queue,
        "results_released",
        [Notice(fee.candidate_id, "r:1", FIELDS, "/h5/results")],
    )
    pages |= {
        path: await get(app, path, me)
        for path in ("/", "/h5/", "/h5/results", "/h5/certificates", "/h5/orders", "/h5/bind", "/h5/notices")
    }
    made = await post(app, "/h5/orders", me, fee=str(fee.id))
    pages["order"] = await get(app, made.headers["location"], me)
    pages["no order"] = await get(app, "/h5/orders/987654", me)
    pages["foreign"] = await post(app, "/h5/orders", me | {"origin": "https://elsewhere.example"}, fee="1")
    pages["nowhere"] = await get(app, "/h5/nowhere", me)
    left = await post(app, "/h5/logout", me)
    pages["logged out"] = await get(app, left.headers["location"], me) if left.status == 303 else left
    assert_english(pages)
    assert "Examination fee, Primary" in pages["/h5/orders"].text and "¥120.50" in pages["order"].text
    assert "this one has 5" in pages["wrong"].text
    assert (await Fee.get(id=fee.id)).state == "owed"


async def test_a_certificate_and_its_results(app: App, services: Services) -> None:
    me = browser(services, ME)
    candidate = await bound(services, ME)
    registration = await make.registration(
        services, candidate, on=await make.plan(release_at=services.clock.now())
    )
    made = await sealed_certificate(services, registration)
    await make.registration(services, candidate, on=await make.plan())
    paths = (
        "/h5/results",
        "/h5/certificates",
        f"/h5/certificates/{made.number}",
        "/h5/certificates/23SPS100000002W",
    )
    pages = {path: await get(app, path, me) for path in paths}
    await revocation.revoke(services.clock, services.faults, made.number, "考试违纪", actor=make.ISSUER_STAFF)
    pages |= {f"{path}, revoked": await get(app, path, me) for path in paths}
    assert_english(pages)
    assert "Pass mark: 60 points in every subject." in pages["/h5/results"].text


async def test_an_officers_pages(app: App, services: Services) -> None:
    of = await issuing.cohort(services)
    shown = await issuing.shown_ticket(services, of)
    me = browser(services, of.identity)
    at = f"/s/{shown.token}"
    pages = {
        "asked": await get(app, at, me),
        "wrong pin": await post(app, f"{at}/confirm", me, pin="000000"),
        "no reason": await post(app, f"{at}/return", me, pin=issuing.PIN, reason=" "),
        "home": await get(app, "/h5/officer", me),
        "pin": await get(app, "/h5/officer/pin", me),
        "code": await get(app, "/h5/officer/list-code", me),
        "stranger": await get(app, at, browser(services, ME)),
    }
    await post(app, f"{at}/confirm", me, pin=issuing.PIN)
    pages |= {"signed": await get(app, at, me), "records": await get(app, "/h5/officer/signed", me)}
    pages["broken"] = await get(app, "/s/rubbish", me)
    assert_english(pages)
    assert "4 more tries" in pages["wrong pin"].text and f'href="{at}?lang=zh-CN"' in pages["wrong pin"].text
    assert "You have signed 4 certificates on behalf of" in pages["signed"].text


CONSOLE = (
    "", "imports", "plans", "score-changes", "issuances", "certificates", "portal-differences", "paper", "corrections",
    "corrections/new", "schools", "officers", "people", "campaigns", "campaigns/new", "deliveries", "courses", "prices", "fees",
    "orders", "transfers", "transfers/new", "bank-refunds", "waivers", "refunds", "finance-alarms", "reconciliation",
    "rare-characters", "audit", "accounts", "account-changes", "rights", "account", "issuances/1", "people/1", "plans/1",
    "schools/1", "nowhere", "issuances/987654",
)  # fmt: skip


@pytest.mark.parametrize("role", [Role.ADMIN, Role.ISSUER, Role.FINANCE, Role.SCHOOL])
async def test_the_consoles_pages(app: App, services: Services, role: Role) -> None:
    of = await issuing.cohort(services)
    await issuing.school_signed(services, of)
    await paying.owing(services, await paying.priced(services))
    who = await seated(app, services, role, school=of.school if role is Role.SCHOOL else None)
    pages = {}
    for path in CONSOLE:
        page = await who("GET", f"/console/{path}", headers={"accept": "text/html", "accept-language": "en"})
        if page.status not in (303, 405):
            pages[path] = page
    assert_english(pages)
    assert "Waiting for you today" in pages[""].text or "Nothing waits for you today" in pages[""].text
    assert 'href="?lang=zh-CN"' in pages[""].text


async def test_the_log_in(app: App) -> None:
    headers = {"accept": "text/html", "accept-language": "en"}
    assert_english({"log in": await get(app, "/console/login", headers)})


async def test_a_chosen_language_stays_and_its_link_leads_to_the_same_page(
    app: App, services: Services
) -> None:
    me = browser(services, ME, "zh-CN")
    chinese = await get(app, "/h5/results", me)
    assert 'href="?lang=en" hreflang="en" lang="en">English<' in chinese.text
    english = await get(app, "/h5/results?lang=en", me)
    assert "xcert_language=en" in english.headers["set-cookie"] and "<h1>Results</h1>" in english.text


async def test_a_script_is_answered_in_its_pages_language(app: App, services: Services) -> None:
    me = browser(services, ME) | {"accept": "application/json"}
    script = await post(app, "/h5/orders/5/pay", me | {"sec-fetch-site": "same-origin"})
    program = await post(app, "/h5/orders/5/pay", me)
    assert (script.json["code"], program.json["code"]) == ("not_bound", "not_bound")
    assert script.json["detail"] == "No candidate record is linked yet. Please link yours first."
    assert HAN.search(program.json["detail"])


def test_a_refusal_without_english_says_so() -> None:
    english, chinese = (languages.SPEAKERS[tag] for tag in ("en", "zh-CN"))
    told = {"title": "没有权限", "errors": [], "home": "/", "request_id": "1"}
    page = (
        templating.environment_of(english)
        .get_template("problem.html")
        .render(detail="谁也没有译过的一句。", **told)
    )
    assert (
        "This message is in Chinese only:" in page and '<span lang="zh-CN">谁也没有译过的一句</span>' in page
    )
    page = (
        templating.environment_of(english)
        .get_template("problem.html")
        .render(detail="请先登录后再操作。", **told)
    )
    assert "in Chinese only" not in page and "Please log in first." in page
    assert not chinese.lacks("谁也没有译过的一句。")


def test_what_the_program_made_is_found_by_its_holes() -> None:
    phrases = Phrases(
        {
            "共 {1} 份": "{1:certificate|certificates} in all",
            "初级": "Primary",
            "{1}证书，{2}": "{2}: {1} certificate",
            "请再试。": "Please try again.",
            "已删除。": "Deleted.",
        }
    )
    said = {
        "共 1 份": "1 certificate in all",
        "共 12 份": "12 certificates in all",
        "初级证书，2023年9月2日": "2 September 2023: Primary certificate",
        "2023年9月2日 09:05": "2 September 2023, 09:05",
        "已删除。请再试。": "Deleted. Please try again.",
        "初级、初级": "Primary, Primary",
        "初级。": "Primary.",
        "　初级": "　Primary",
        "王敏": "王敏",
        "已删除。王敏": "已删除。王敏",
        "2023年13月2日": "2023年13月2日",
        "plain": "plain",
        "共" * 3000: "共" * 3000,
    }
    assert {chinese: phrases.say(chinese) for chinese in said} == said


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("<p>你好</p>", "<p>[你好]</p>"),
        (
            "<p>共 {{ n }} 人，<b class='x'>{{ m }} 人</b>通过</p>",
            "<p>[共 {{ (n) | quoted }} 人，<b class='x'>{{ (m) | quoted }} 人</b>通过]</p>",
        ),
        ('<a href="/x"><b>名</b><span>字</span></a>', '<a href="/x"><b>[名]</b><span>[字]</span></a>'),
        ('{% if a == "甲" %}乙{% endif %}', '{% if a == "甲" %}[乙]{% endif %}'),
        ('{{ f("甲") }}', '{{ (f("[甲]")) | quoted }}'),
        ('<i title="{{ x }}甲" value="乙">', '<i title="[{{ (x) | said }}甲]" value="乙">'),
        ('<option value="甲">{{ x }}</option>', '<option value="甲">{{ (x) | said }}</option>'),
        ("<textarea>甲{{ x }}</textarea>", "<textarea>甲{{ x }}</textarea>"),
        ('<b lang="zh-CN">{{ x }}</b>', '<b lang="zh-CN">{{ x }}</b>'),
        ("{{ a }}，{{ b }}（{{ c }}）", "{{ (a) | quoted }}, {{ (b) | quoted }} ({{ (c) | quoted }}) "),
        ("甲　乙", "[甲]　[乙]"),
        ("<td>{{ one.name }}</td>", "<td>{{ (one.name) | theirs }}</td>"),
        ('<i title="{{ one.candidate }}">', '<i title="{{ (one.candidate) | string }}">'),
        ('{{ one.school or "甲" }}', '{{ (one.school or "[甲]") | theirs }}'),
        ("<p>{{ wrong.name }}</p>", "<p>{{ (wrong.name) | quoted }}</p>"),
    ],
)
def test_a_template_is_read_sentence_by_sentence(source: str, written: str) -> None:
    read = Reader(lambda sentence: f"[{sentence}]").translate(source)
    assert re.sub(r'<span lang="zh-CN">(.*?)</span>', r"\1", read) == written


def test_words_may_stand_in_another_order_and_number() -> None:
    assert Reader({"甲": "A (甲)"}.get).translate("<p>甲</p>") == '<p>A (<span lang="zh-CN">甲</span>)</p>'
    words = {"共 {1} 人，<b>{2}</b>": "<b>{2}</b> of {1:person|people}"}
    page = Reader(words.get).translate("<p>共 {{ n }} 人，<b id='x'>{{ m }}</b></p>")
    assert (
        page
        == "<p><b id='x'>{{ (m) | quoted }}</b> of {{ ((n) | quoted) | counted('person', 'people') }}</p>"
    )


def test_a_name_that_is_also_a_word_stays_a_name() -> None:
    """成功 is a name; the catalogue has it as a word."""
    english = templating.environment_of(languages.SPEAKERS[languages.ENGLISH])
    assert languages.english().say("文件") == "File"
    holder = {"name": "文件"}
    for source, written in (
        ("<b>{{ one.name }}</b>", '<b><span lang="zh-CN">文件</span></b>'),
        ('<b title="{{ one.name }}">{{ what }}</b>', '<b title="文件">File</b>'),
    ):
        reader = Reader(languages.english().exact)
        assert english.from_string(reader.translate(source)).render(one=holder, what="文件") == written
