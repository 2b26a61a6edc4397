"""Two names for one site: the service knows itself by its own address, a phone's web view shows it under the person's host.

Everything that goes to the service is put into its own words, everything that comes back into the web view's, so that
the service cannot tell the sandbox from WeChat.
"""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from urllib.parse import quote

from server.sandbox.agents import Agent

BRIDGE = "/.wechat/bridge.js"
TEXTS = ("application/json", "application/x-www-form-urlencoded", "text/")


@dataclass(frozen=True, slots=True)
class Addresses:
    """`own`: the web view's origin. `theirs`: the service's."""

    own: str
    theirs: str

    def to_service(self, text: str) -> str:
        """An address, a header or a body on its way out: plain, percent-encoded once, or as JSON escapes it."""
        return self._turned(text, self.own, self.theirs)

    def to_page(self, text: str) -> str:
        """What comes back."""
        return self._turned(text, self.theirs, self.own)

    @staticmethod
    def _turned(text: str, old: str, new: str) -> str:
        for form in (
            lambda address: address,
            lambda address: quote(address, safe=""),
            lambda address: quote(address, safe="/"),
            lambda address: address.replace("/", "\\/"),
        ):
            text = text.replace(form(old), form(new))
        return text

    def policy(self, policy: str) -> str:
        """The page's Content-Security-Policy as the web view keeps it.

        WeChat's bridge comes from the client and not from the page, so it is let in whatever the policy says; and the
        web view is no frame, so nobody's `frame-ancestors` forbids it.
        """
        directives = {}
        for directive in self.to_page(policy).split(";"):
            name, _, sources = directive.strip().partition(" ")
            if name and name != "frame-ancestors":
                directives[name] = sources
        if (scripts := directives.get("script-src", directives.get("default-src"))) is not None:
            scripts = scripts.replace("'none'", "").strip()
            directives["script-src"] = f"{scripts} {self.own}{BRIDGE}".strip()
        return "; ".join(f"{name} {sources}".strip() for name, sources in directives.items())

    def page(self, text: str, agent: Agent, policy: str) -> str:
        """The page with its addresses turned and WeChat's bridge as the first thing in it."""
        client = {**agent.as_json(), "open_tags": open_tags_may(policy)}
        script = f'<script src="{BRIDGE}" data-client="{html.escape(json.dumps(client))}"></script>'
        turned = self.to_page(text)
        place = turned.lower().find("<head")
        after = turned.find(">", place) + 1 if place >= 0 else 0
        if not after:
            place = turned.lower().find("<!doctype")
            after = turned.find(">", place) + 1 if place >= 0 else 0
        return turned[:after] + script + turned[after:]


def open_tags_may(policy: str) -> bool:
    """Whether WeChat could draw its open tags in a page of this policy.

    DOC 《微信开放标签说明文档》: a page with a policy needs `frame-src https://*.qq.com webcompt:`.
    """
    directives = {}
    for directive in policy.split(";"):
        name, _, sources = directive.strip().partition(" ")
        directives[name] = sources.split()
    frames = directives.get("frame-src", directives.get("child-src", directives.get("default-src")))
    return frames is None or {"https://*.qq.com", "webcompt:"} <= set(frames) or "*" in frames
