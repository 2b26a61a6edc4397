"""The help, the go-live list, the papers and the tables to take away in English: complete, and true to the pages."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sanic import Sanic

from server.domain.lookups.list_exports import LISTS
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import Issuance
from server.web import console, languages, templating
from server.web.console.help_jobs import JOBS
from server.web.phrases import HAN
from server.web.template_words import Reader
from tests.kit import issuing
from tests.kit.console_desk import seated
from tests.kit.english import Words

App = Sanic[Any, Any]
CHINESE_ALONE = {"portal-differences"}  # decision 0987
HELP = sorted((templating.TEMPLATES / "console/help").glob("*.html"))
QUOTED = re.compile(r"“([^”]+)”")
# what the help quotes that is no word of a page: headings of a file, an example
NOT_OURS = {
    "证书编号、门户证书编号",
    "不收费",
    "备份",
    "删除个人信息等待您批准",
    "院校、姓名、手机号",
    "考核站点待签发",
}


def _called(label: str) -> str:
    """How the English pages call it: a room as the navigation has it."""
    known = languages.english().known
    return known.get(f"room|{label}") or known.get(label, label)


@pytest.mark.parametrize("path", HELP, ids=lambda path: path.stem)
def test_what_the_help_quotes_is_how_the_english_pages_call_it(path: Path) -> None:
    """Of every word in quotation marks that has its English, the English stands in the sentence."""
    known = languages.english()
    reader = Reader(known.exact)
    reader.translate(path.read_text("utf-8"))
    wrong = [
        (label, known.find(label), said)
        for sentence, said in reader.asked
        for label in QUOTED.findall(sentence)
        if label not in NOT_OURS and said is not None and _called(label).lower() not in said.lower()
        and HAN.search(_called(label)) is None
    ]  # fmt: skip
    assert wrong == []


async def test_every_page_of_help_is_in_english(app: App, services: Services) -> None:
    admin = await seated(app, services, Role.ADMIN)
    for path in ("/console/help", "/console/go-live", *(f"/console/help/{slug}" for slug in JOBS)):
        answer = await admin.page(f"{path}?lang=en")
        words = Words()
        words.feed(answer.text)
        chinese = {one.strip() for one in words.said if HAN.search(one)} - {"中文"}
        assert answer.status == 200 and chinese == set(), path
    index = (await admin.page("/console/help?lang=en")).text
    assert "A refund is asked for on the order by one of finance" in index and "refund money back" in index
    alt = re.search(
        r'<img class="help-picture" src="[^"]+" alt="([^"]+)"',
        (await admin.page("/console/help/refund?lang=en")).text,
    )
    assert alt is not None and alt[1] == "The dialog on an order that asks for a refund."


async def test_filters_and_counts_are_in_english(app: App, services: Services) -> None:
    admin = await seated(app, services, Role.ADMIN)
    page = (await admin.page("/console/accounts?role=admin&lang=en")).text
    assert 'aria-label="Role: Administrator, remove this filter">Role: Administrator<' in page
    assert "1 account<" in page
    await seated(app, services, Role.FINANCE)
    both = (await admin.page("/console/accounts?lang=en")).text
    assert "2 accounts<" in both


async def test_papers_and_tables_are_in_english(app: App, services: Services) -> None:
    of = await issuing.cohort(services)
    await issuing.generating(services, of)
    batch = await Issuance.get()
    admin = await seated(app, services, Role.ADMIN)
    paper = (await admin.page(f"/console/issuances/{batch.id}/print?lang=en")).text
    assert '<html lang="en">' in paper and 'hreflang="zh-CN"' in paper
    words = Words()
    words.feed(paper)
    names = {one.name for one in [await row.candidate for row in of.registrations]}
    left = {one.strip() for one in words.said if HAN.search(one)} - names - {"中文"}
    assert left == set()
    finance = await seated(app, services, Role.FINANCE)
    exports = [
        r.path.removeprefix("/").removesuffix("/export.xlsx")
        for r in console.ROUTES
        if r.path.endswith("/export.xlsx")
    ]
    tables = [one for one in exports if one not in CHINESE_ALONE]
    assert len(tables) >= len(LISTS), tables
    for name in tables:
        who = finance if name == "refunds" else admin
        answer = await who("GET", f"/{name}/export.xlsx", headers={"accept-language": "en-GB"})
        assert answer.status == 200, name
        book = openpyxl.load_workbook(io.BytesIO(answer.body), read_only=True)
        heads = [str(cell.value) for cell in next(iter(book.worksheets[1].iter_rows()))]
        labels = [str(row[0].value) for row in book.worksheets[0].iter_rows() if row]
        assert not HAN.search("".join([*heads, *labels, *book.sheetnames])), (name, heads, book.sheetnames)
        assert not {"Explain", "Waive", "Refund", "Order", "Request", "Record", "Handling"} & {
            *heads,
            *book.sheetnames,
        }, name
    for name, head in (
        ("issuances", "Batch"),
        ("certificates", "Certificate number"),
        ("people", "Name"),
        ("officers", "Name"),
        ("deliveries", "Number"),
    ):
        answer = await admin("GET", f"/{name}/export.xlsx", headers={"accept-language": "en-GB"})
        book = openpyxl.load_workbook(io.BytesIO(answer.body), read_only=True)
        first, rows = book.worksheets[0], book.worksheets[1]
        heads = [str(cell.value) for cell in next(iter(rows.iter_rows()))]
        labels = [str(row[0].value) for row in first.iter_rows() if row]
        assert heads[0] == head and not HAN.search("".join([*heads, *labels, *book.sheetnames])), name
