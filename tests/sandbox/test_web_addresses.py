"""Two names for one site, turned both ways; and a page's policy as WeChat's web view keeps it."""

from __future__ import annotations

import pytest

from server.sandbox.agents import AGENTS
from server.sandbox.web_addresses import Addresses, open_tags_may

OWN, THEIRS = "http://p2.localhost:8001", "http://127.0.0.1:8000"
BOTH = Addresses(OWN, THEIRS)


@pytest.mark.parametrize(
    "said",
    [
        "{}/h5/js-config?x=1",
        "/h5/js-config?url={}%2Fh5%2Fx%3Fa%3D1".replace("{}", "{quoted}"),
        '{{"url": "{}/h5"}}',
        '{{"url": "{escaped}\\/h5"}}',
    ],
)
def test_an_address_is_turned_in_every_form_and_back(said: str) -> None:
    def form(address: str) -> str:
        quoted = address.replace(":", "%3A").replace("/", "%2F")
        return said.format(address, quoted=quoted, escaped=address.replace("/", "\\/"))

    assert BOTH.to_service(form(OWN)) == form(THEIRS)
    assert BOTH.to_page(form(THEIRS)) == form(OWN)


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        ("", ""),
        (
            "default-src 'self'; frame-ancestors 'none'",
            f"default-src 'self'; script-src 'self' {OWN}/.wechat/bridge.js",
        ),
        (
            f"script-src {THEIRS}/a.js; img-src 'self' data:",
            f"script-src {OWN}/a.js {OWN}/.wechat/bridge.js; img-src 'self' data:",
        ),
        ("default-src 'none'", f"default-src 'none'; script-src {OWN}/.wechat/bridge.js"),
    ],
)
def test_the_policy_stays_and_only_the_bridge_comes_in(policy: str, kept: str) -> None:
    assert BOTH.policy(policy) == kept


@pytest.mark.parametrize(
    ("policy", "may"),
    [
        ("", True),
        ("script-src 'self'", True),
        ("default-src 'self'", False),
        ("default-src 'self'; frame-src https://*.qq.com", False),
        ("default-src 'self'; frame-src https://*.qq.com webcompt:", True),
        ("frame-src *", True),
    ],
)
def test_open_tags_need_their_frame(policy: str, may: bool) -> None:
    assert open_tags_may(policy) is may


@pytest.mark.parametrize("head", ["<!doctype html><html><head>", "<!DOCTYPE html>", ""])
def test_the_bridge_is_the_first_script_of_a_page(head: str) -> None:
    page = BOTH.page(f"{head}<title>x</title><script src='{THEIRS}/a.js'></script>", AGENTS["ios"], "")
    assert page.startswith(f'{head}<script src="/.wechat/bridge.js" data-client="{{')
    assert "iPhone" in page and page.endswith(f"<script src='{OWN}/a.js'></script>")
