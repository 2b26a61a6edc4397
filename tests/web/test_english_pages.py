"""The public pages in English: complete, chosen as people expect it, and with nothing Chinese but what is quoted."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from babel.messages.extract import extract_from_dir
from sanic import Sanic

from server.domain.certificates import revocation
from server.domain.certificates.claims import AUTHORITY, encode_code
from server.domain.certificates.verification import Standing
from server.domain.corrections.contents import FIELDS
from server.domain.issuance.offline import Fate
from server.domain.lookups.wording import CERTIFIES
from server.domain.ports import Services
from server.domain.public_log import log_entry, sequencer
from server.models import Certificate
from server.web import languages, templating
from server.web.look_alikes import LOOK_ALIKES
from server.web.phrases import HAN
from tests.adapters.documents.papers import claims
from tests.kit import make
from tests.kit.english import Words

App = Sanic[Any, Any]
ENGLISH = {"accept": "text/html", "accept-language": "en-GB,en;q=0.9"}
HOLE = re.compile(r"%\(\w+\)s|<[^>]+>")
PUBLIC = languages.english(languages.VERIFICATION)


def in_templates() -> set[str]:
    """Every marked sentence of the templates that speak."""
    found: set[str] = set()
    options = {"**.html": {"trimmed": "true", "newstyle_gettext": "true"}}
    for room in templating.MARKED:
        folder = str(templating.TEMPLATES / room)
        for _, _, message, _, _ in extract_from_dir(folder, [("**.html", "jinja2")], options):
            found |= {message} if isinstance(message, str) else set(message)
    return found


def test_every_sentence_of_the_templates_has_its_english() -> None:
    marked = in_templates()
    assert len(marked) > 90
    assert marked - PUBLIC.known.keys() == set(), (
        "their English goes into server/web/locale/en/verification.po"
    )


def test_an_english_sentence_has_the_holes_and_tags_of_the_chinese_one() -> None:
    differing = {
        chinese: said
        for chinese, said in PUBLIC.known.items()
        if sorted(HOLE.findall(chinese)) != sorted(HOLE.findall(said))
        or set(re.findall(r"\{(\d+)", chinese)) != set(re.findall(r"\{(\d+)", said))
    }
    assert differing == {}


def test_what_the_domain_says_on_these_pages_has_its_english() -> None:
    said = {
        AUTHORITY,
        make.KIND,
        "重新发证",
        *(one.label for one in Standing),
        *log_entry.LABELS.values(),
        *CERTIFIES.values(),
        *(text for one in LOOK_ALIKES for text in (one.name, one.by, one.now)),
        *(FIELDS[name] for name in ("name", "id_number", "plan", "level", "score")),
        *(one.value.rstrip("。") for one in Fate),
    }
    assert said - PUBLIC.known.keys() == set()


NAMES = re.compile(
    "社会心理服务职业技能等级证书|心理咨询师国家职业资格证书|中科院心理咨询师|人事人才网心理咨询师|社会心理服务指导师|证书编号|初级"
)  # of things, beside their English


def chinese_in(page: str) -> list[str]:
    words = Words()
    words.feed(page)
    return [text.strip() for text in words.said if HAN.search(NAMES.sub("", text))]


async def get(app: App, path: str, headers: dict[str, str] = ENGLISH) -> Any:
    return (await app.asgi_client.get(path, headers=headers, follow_redirects=False))[1]


async def search(app: App, number: str, name: str, headers: dict[str, str] = ENGLISH) -> Any:
    data = {"number": number, "name": name}
    return (await app.asgi_client.post("/v", data=data, headers=headers, follow_redirects=False))[1]


async def test_pages_of_every_state_have_nothing_chinese_left(
    app: App, services: Services, certificate: Certificate
) -> None:
    await sequencer.run(services)
    other = await Certificate.get(candidate__name="王𠮷")
    revoked = await Certificate.exclude(id__in=[certificate.id, other.id]).order_by("id").first()
    assert revoked is not None
    await revocation.revoke(
        services.clock, services.faults, revoked.number, "替考，经查属实", actor=make.ISSUER_STAFF
    )
    await Certificate.filter(id=other.id).update(
        state="superseded",
        superseded_by_id=certificate.id,
        superseded_at=datetime(2026, 11, 24, 4, tzinfo=UTC),
        superseded_word="姓名、证件号码更正",
    )
    pages = {
        "valid": await get(app, f"/v/{certificate.code}"),
        "revoked": await get(app, f"/v/{revoked.code}"),
        "superseded": await get(app, f"/v/{other.code}"),
        "unknown": await get(app, f"/v/{encode_code(services.keys, claims())}"),
        "forged": await get(app, f"/v/{certificate.code[:-4]}0000"),
        "form": await get(app, "/v"),
        "empty": await search(app, "", ""),
        "miss": await search(app, certificate.number, "某人"),
        "again": await get(app, (await search(app, certificate.number, "欧阳慧敏")).headers["location"]),
        "no address": await get(app, "/v/found/invented"),
        "file": await get(app, "/v/file"),
        "about": await get(app, "/v/about"),
        "rubbish": (await app.asgi_client.post("/v/file", files={"file": b"rubbish"}, headers=ENGLISH))[1],
        "no file": (await app.asgi_client.post("/v/file", files={"other": b""}, headers=ENGLISH))[1],
    }
    left = {name: chinese_in(response.text) for name, response in pages.items()}
    left["miss"] = [text for text in left["miss"] if text != "某人"]
    assert {name: texts for name, texts in left.items() if texts} == {}
    assert all('<html lang="en"' in response.text for response in pages.values())
    assert "The certificate is valid" in pages["valid"].text and "22 September 2023" in pages["valid"].text
    assert "23 November 2026, 12:00 (Beijing time)" in pages["valid"].text
    assert "correction (name, identity number)" in pages["superseded"].text


async def test_refusals_are_told_in_english_too(
    app: App, services: Services, certificate: Certificate
) -> None:
    for _ in range(31):
        response = await search(app, "26SPS199999999R", "某人")
    assert (
        response.status == 429 and "Too many verifications. Please try again in 10 minutes." in response.text
    )


@pytest.mark.parametrize(
    ("path", "headers", "tag"),
    [
        ("/v", {}, "zh-CN"),
        ("/v", {"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}, "zh-CN"),
        ("/v", {"accept-language": "en,zh-TW;q=0.5"}, "zh-CN"),
        ("/v", {"accept-language": "fr-FR,fr"}, "zh-CN"),
        ("/v", {"accept-language": "en-US,en;q=0.9"}, "en"),
        ("/v", {"accept-language": "de,en;q=0.5"}, "en"),
        ("/v?lang=en", {}, "en"),
        ("/v?lang=zh-CN", {"accept-language": "en"}, "zh-CN"),
        ("/v?lang=tlh", {}, "zh-CN"),
        ("/v", {"cookie": "xcert_language=en"}, "en"),
        ("/v?lang=zh-CN", {"cookie": "xcert_language=en"}, "zh-CN"),
        ("/v", {"cookie": "xcert_language=<b>"}, "zh-CN"),
    ],
)
async def test_who_is_spoken_to_in_which_language(
    app: App, path: str, headers: dict[str, str], tag: str
) -> None:
    page = await get(app, path, {"accept": "text/html"} | headers)
    assert f'<html lang="{tag}"' in page.text
    other = "en" if tag == "zh-CN" else "zh-CN"
    assert f'href="/v?lang={other}"' in page.text
    chosen = "xcert_language=" in page.headers.get("set-cookie", "")
    assert chosen == (path in ("/v?lang=en", "/v?lang=zh-CN"))


async def test_the_found_certificate_has_an_address_to_keep(app: App, certificate: Certificate) -> None:
    response = await search(app, certificate.number, "欧阳慧敏", {"accept": "text/html"})
    at = response.headers["location"]
    assert (response.status, at.startswith("/v/found/")) == (303, True)
    assert not any(told in at for told in (certificate.number, certificate.code, "欧阳"))
    kept = await get(app, at, {"accept": "text/html"})
    assert "证书有效" in kept.text and "这个网址可以保存或转发" in kept.text
    for wrong in (at[:-4], at[:-4] + "AAAA", "/v/found/x", f"/v/found/{certificate.number}"):
        missed = await get(app, wrong, {"accept": "text/html"})
        assert missed.status == 404 and "这个网址不完整，或者不是本系统给出的" in missed.text
    program = await search(app, certificate.number, "欧阳慧敏", {"accept": "application/json"})
    assert (program.status, program.json["standing"]) == (200, "valid")  # as it was


@pytest.mark.parametrize("speaker", languages.SPEAKERS.values(), ids=lambda one: one.tag)
def test_words_that_come_from_elsewhere_are_text(speaker: languages.Speaker) -> None:
    """What a page says by a variable, such as the name of a certificate, is neither a tag nor a format."""
    template = "{{ _(name) }}|{% trans named=_(name) %}<b>{{ named }}</b>{% endtrans %}"
    page = templating.environment_of(speaker).from_string(template)
    assert page.render(name="<i>100%s") == "&lt;i&gt;100%s|<b>&lt;i&gt;100%s</b>"
    assert page.render(name="100% 心理") == "100% 心理|<b>100% 心理</b>"


def test_days_and_minutes() -> None:
    speaker = languages.SPEAKERS["en"]
    assert speaker.day(date(2023, 9, 2)) == "2 September 2023"
    assert speaker.minute(datetime(2026, 11, 23, 20, 5, tzinfo=UTC)) == "24 November 2026, 04:05"
    assert speaker.say("没有译文的一句") == "没有译文的一句"
