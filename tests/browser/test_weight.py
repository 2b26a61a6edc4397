"""What the first look at each phone page weighs on the line, with nothing kept from before: at most 60 kB."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from server.adapters.captcha import PillowImageCheck
from server.adapters.clock import SystemClock
from server.adapters.documents.pdf import TypstPdfRenderer
from server.adapters.documents.seal import Seal
from server.adapters.keys import KeyFolder
from server.domain.auth import web_login
from server.domain.certificates.claims import encode_code
from server.domain.ports import Services, WeChatIdentity
from server.models import Certificate
from server.web.h5.login import SESSION_COOKIE
from tests.adapters.documents.papers import claims
from tests.kit import issuing
from tests.kit.exchange import exchange
from tests.kit.history import ME, a_history
from tests.kit.windows import PHONE

pytestmark = [pytest.mark.browser, pytest.mark.slow]
MOST = 60_000  # bytes, heads and all: a second and a half at 50 kB/s


async def weight(chromium: Browser, s: Services, at: str, path: str, who: WeChatIdentity | None) -> int:
    """Bytes that came over the line for a first look at this page."""
    context = await chromium.new_context(viewport=PHONE, device_scale_factor=2)
    if who is not None:
        cookie = {"name": SESSION_COOKIE, "value": web_login.session_for(s, who), "url": at}
        await context.add_cookies([cookie])  # type: ignore[list-item]  # a plain dict
    page = await context.new_page()
    line = await context.new_cdp_session(page)
    await line.send("Network.enable")
    came: list[int] = []
    line.on("Network.loadingFinished", lambda told: came.append(int(told["encodedDataLength"])))
    answer = await page.goto(at + path, wait_until="networkidle")
    assert answer is not None and answer.status < 500, path
    await context.close()
    assert len(came) >= 3, f"{path}: page, styles and scripts were not all seen"
    return sum(came)


async def test_every_phone_page_is_light(
    base: str, browser: Browser, services: Services, key_folder: KeyFolder
) -> None:
    exchange(services, pdf_renderer=TypstPdfRenderer(SystemClock(), Seal(key_folder.seal_credentials())))
    exchange(services, image_check=PillowImageCheck())
    stranger = WeChatIdentity("oa", "openid-stranger")
    of = await issuing.cohort(services, names=tuple(f"买买提·吐尔逊{serial:03d}" for serial in range(100)))
    shown = await issuing.shown_ticket(services, of)
    await Certificate.all().delete()  # numbers that were reserved, and are not looked at here
    made = await a_history(services)
    forged = encode_code(key_folder, claims())[:-4] + "AAAA"
    assert await Certificate.filter(number=made.number, state="valid").exists()
    pages = [
        *(
            (path, ME)
            for path in (
                "/h5/",
                "/h5/notices",
                "/h5/results",
                "/h5/certificates",
                f"/h5/certificates/{made.number}",
            )
        ),
        *((path, stranger) for path in ("/h5/", "/h5/bind", "/h5/results", "/h5/officer", "/h5/nowhere")),
        *((path, of.identity) for path in ("/h5/officer", "/h5/officer/pin", f"/s/{shown.token}")),
        *(
            (path, None)
            for path in ("/", "/v", "/v?lang=en", "/v/file", "/v/about", f"/v/{made.code}", f"/v/{forged}")
        ),
    ]
    weighed = {path: await weight(browser, services, base, path, who) for path, who in pages}
    assert {path: size for path, size in weighed.items() if size > MOST} == {}
    assert max(weighed, key=lambda path: weighed[path]) == f"/h5/certificates/{made.number}", weighed
