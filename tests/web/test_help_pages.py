"""The console's help: an index of one's own jobs, a page for each, and a link from every page that it speaks of."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sanic import Sanic

from server.domain.ports import Services
from server.domain.roles import Role
from server.models import Staff
from server.web.console.help_jobs import JOBS, PICTURES
from tests.kit import make
from tests.kit.console_desk import Browser, code, seated

App = Sanic[Any, Any]


def slugs(html: str) -> list[str]:
    return re.findall(r'href="/console/help/([a-z-]+)"', html)


async def test_an_index_of_the_jobs_that_are_ones_own(app: App, services: Services) -> None:
    admin = await seated(app, services, Role.ADMIN)
    index = (await admin.page("/console/help")).text
    assert slugs(index) == [slug for slug in JOBS if slug != "school-day"]
    assert "退费由一位财务在订单里提出" in index, "the whole text can be searched"
    at = await make.school()
    school = await seated(app, services, Role.SCHOOL, school=at)
    theirs = slugs((await school.page("/console/help")).text)
    assert theirs[:3] == ["sign-in", "lists", "school-day"]
    assert {"revoke", "import", "refund", "staff"} & set(theirs) == set()
    assert {"school-sign", "officer", "correct", "paper", "telephone", "charge"} <= set(theirs)


async def test_each_page_says_how_and_leads_to_where(app: App, services: Services) -> None:
    admin = await seated(app, services, Role.ADMIN)
    for slug, job in JOBS.items():
        answer = await admin.page(f"/console/help/{slug}")
        assert answer.status == 200 and f"<h1>{job.title}</h1>" in answer.text, slug
        assert all(f'class="button plain" href="{page}"' in answer.text for page in job.pages), slug
    shown = (await admin.page("/console/help/refund")).text
    assert re.search(r'<img class="help-picture" src="/static/help/refund.webp\?v=\w+" alt="(.+?)"', shown)
    assert PICTURES["refund"] in shown
    _, picture = await app.asgi_client.get("/static/help/refund.webp")
    assert picture.headers["content-type"] == "image/webp" and picture.body[8:12] == b"WEBP"


async def test_a_page_links_to_what_one_does_there(app: App, services: Services) -> None:
    finance = await seated(app, services, Role.FINANCE)
    refunds = (await finance.page("/console/refunds")).text
    assert slugs(refunds) == ["refund"] and "全部帮助" in refunds
    assert slugs((await finance.page("/console/issuances")).text) == [], "looked at only"


async def test_who_cannot_log_in_reads_how(app: App, services: Services) -> None:
    stranger = Browser(app)
    login = (await stranger.page("/console/login")).text
    assert slugs(login) == ["sign-in"]
    page = await stranger.page("/console/help/sign-in")
    assert page.status == 200 and "手机和恢复码都丢了" in page.text and "主导航" not in page.text
    assert (await stranger.page("/console/help/refund")).status == 303
    newcomer = await seated(app, services, Role.OPERATOR)
    await Staff.all().update(must_change_password=True)
    assert "主导航" not in (await newcomer.page("/console/help/sign-in")).text


@pytest.mark.parametrize("slug", ["nothing", "..%2fhome"])
async def test_no_such_page(app: App, services: Services, slug: str) -> None:
    admin = await seated(app, services, Role.ADMIN)
    answer = await admin("GET", f"/console/help/{slug}")
    assert code(answer) == (404, "page_not_found")
