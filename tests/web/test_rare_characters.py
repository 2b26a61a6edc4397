"""生僻字: who waits for a font, and what to do, for those who see to the data."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sanic import Sanic

from server.domain.certificates import rare_characters
from server.domain.ports import Services
from server.domain.roles import Role
from server.errors import Forbidden
from server.models import Candidate
from tests.kit import make
from tests.kit.console_desk import seated

App = Sanic[Any, Any]
RARE = "\U00021334"


async def test_the_page_names_the_characters_and_their_people(app: App, services: Services) -> None:
    services.pdf_renderer.unprintable = RARE  # type: ignore[attr-defined]
    waiting = await make.candidate(services, name=f"张{RARE}")
    await make.registration(services, waiting, outcome="passed")
    await make.candidate(services, name=f"李{RARE}")
    await make.candidate(services, name="王小明")
    operator = await seated(app, services, Role.OPERATOR)
    answer = await operator.page("/console/rare-characters")
    assert answer.status == 200
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))
    assert "U+21334" in said and f"张{RARE}" in said and f"李{RARE}" in said and "王小明" not in said
    assert said.count("已合格，证书待发") == 1
    assert "XCERT_FONTS_DIR" in said


async def test_a_name_that_was_corrected_is_not_waited_for(app: App, services: Services) -> None:
    services.pdf_renderer.unprintable = RARE  # type: ignore[attr-defined]
    one, other = [await make.candidate(services, name=name) for name in ("张明", f"李{RARE}")]
    operator = await seated(app, services, Role.OPERATOR)
    await Candidate.filter(id=one.id).update(name=f"张{RARE}")
    assert f"张{RARE}" in (await operator.page("/console/rare-characters")).text
    await Candidate.filter(id__in=[one.id, other.id]).update(name="张明")
    assert "所有考生的姓名都能印在证书上。" in (await operator.page("/console/rare-characters")).text


async def test_without_any_it_says_so(app: App, services: Services) -> None:
    await make.candidate(services)
    operator = await seated(app, services, Role.OPERATOR)
    assert "所有考生的姓名都能印在证书上。" in (await operator.page("/console/rare-characters")).text


async def test_full_names_are_for_those_who_see_to_the_data(app: App, services: Services) -> None:
    for role in (Role.SCHOOL, Role.FINANCE, Role.ISSUER):
        who = await seated(app, services, role, school=await make.school() if role is Role.SCHOOL else None)
        assert (await who.page("/console/rare-characters")).status == 403
    with pytest.raises(Forbidden):
        await rare_characters.listing(services.pdf_renderer, actor=make.ISSUER_STAFF)
