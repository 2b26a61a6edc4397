"""What can be made to go wrong on purpose, and the choices WeChat's consoles offer."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from server.sandbox import limits
from server.sandbox.store import Store


@dataclass(slots=True)
class Switches:
    """Everything a developer or a test can turn; kept in the store.

    Attributes:
        forced: errors for the next calls: `{"path": "*" or a path, "errcode": …, "times": …}`.
        slow_seconds: every answer to the service waits so long; `slow_path` narrows it.
        lose_next, lose_share: so many next calls, or this share of all (0 to 1), are cut **before** they are carried out.
        drop_next, drop_share: so many next calls, or this share of all, are carried out and cut instead of answered.
        drop_path: the path that the four above are meant for.
        drop_after_seconds: how long such a call hangs before it is cut; longer than the caller waits: a time-out.
        seed: which calls and pushes the shares and random delays meet; the same seed meets the same ones.
        ip_whitelist: addresses that may call; empty lets everyone in.
        snapshot: OAuth gives the virtual account of a preview page.
        unionid: both accounts are bound to one open-platform account.
        push_mode: safe, compat or plain. `mp_push_format`: xml or json.
        push_key: an EncodingAESKey to seal with instead of the account's: pushes queued before a change of key.
        push_same_signature: a push that is sent again is the same to the last byte (wechat.md §11: not settled).
        push_copies: every push arrives so many times. `push_delay_seconds`: each waits a random time up to this.
        push_hold: pushes are kept back until so many have come, then sent in reverse order (0: never).
        push_hold_seconds: what is kept back so long goes out although there are too few.
        push_block_after: after so many failures in a row no push goes out for a minute (0: never; WeChat tells no number).
        force_refresh_excess: "same" or "45009" after twenty forced refreshes a day (both are seen, §11).
        force_refresh_grace: seconds that the token replaced by force goes on.
        template_status: what TEMPLATESENDJOBFINISH says; only success is delivered.
        withdrawn_templates: templates taken away for abuse (43116; the mini-program's are answered `ban`).
        template_person_a_day: template messages to one person a day before 43117 (0: any number).
        refused_words: texts that hold one of these are refused with 45168.
        published: whether the mini-program is published at all.
        published_pages: pages of the published mini-program; empty: all exist.
        link_rules: rules of ordinary links that open the mini-program: `{"prefix": …, "published": true}`.
        link_opens_a_day: how often URL links and schemes open in a day.
        subscribe_ids: how many templates one requestSubscribeMessage may ask for (3 in old clients, 5 now).
        subscribe_banned: the mini-program may not ask for subscriptions (20005).
        phone_numbers: paid-for phone numbers that are left to the mini-program; at 0 the button fails (1400001).
        menu_seconds: how long a phone shows its copy of the menu (300 on real phones).
        web_domains: hosts allowed for OAuth; empty: the host of the service.
        js_domains: hosts allowed for the JS-SDK, at most five; empty: those of `web_domains`.
    """

    forced: list[dict[str, Any]] = field(default_factory=list)
    slow_seconds: float = 0.0
    slow_path: str = "*"
    lose_next: int = 0
    lose_share: float = 0.0
    drop_next: int = 0
    drop_share: float = 0.0
    drop_path: str = "*"
    drop_after_seconds: float = 0.0
    seed: int = 20261123
    ip_whitelist: list[str] = field(default_factory=list)
    snapshot: bool = False
    unionid: bool = False
    push_mode: str = "safe"
    mp_push_format: str = "xml"
    push_key: str = ""
    push_same_signature: bool = False
    push_copies: int = 1
    push_delay_seconds: float = 0.0
    push_hold: int = 0
    push_hold_seconds: float = 5.0
    push_block_after: int = 0
    force_refresh_excess: str = "same"
    force_refresh_grace: int = 0
    template_status: str = "success"
    withdrawn_templates: list[str] = field(default_factory=list)
    template_person_a_day: int = 0
    refused_words: list[str] = field(default_factory=list)
    published: bool = True
    published_pages: list[str] = field(default_factory=list)
    link_rules: list[dict[str, Any]] = field(default_factory=list)
    link_opens_a_day: int = limits.LINK_OPENS_A_DAY
    subscribe_ids: int = limits.SUBSCRIBE_IDS
    subscribe_banned: bool = False
    phone_numbers: int = limits.FREE_PHONE_NUMBERS
    menu_seconds: int = 0
    web_domains: list[str] = field(default_factory=list)
    js_domains: list[str] = field(default_factory=list)


CHOICES = {
    "push_mode": ("safe", "compat", "plain"),
    "mp_push_format": ("xml", "json"),
    "force_refresh_excess": ("same", "45009"),
    "template_status": ("success", "failed:user block", "failed: system failed"),
}
SHARES = ("lose_share", "drop_share")


def _fits(name: str, value: Any) -> bool:
    """Whether a value of the right type is one that the switch takes."""
    if isinstance(value, (int, float)) and (value < 0 or (name in SHARES and value > 1)):
        return False
    if name == "js_domains" and len(value) > limits.JS_DOMAINS:
        return False
    if name == "push_key" and value and len(value) != limits.AES_KEY_LENGTH:
        return False
    return name not in CHOICES or value in CHOICES[name]


class SwitchBoard:
    """The switches of one sandbox, and the chances for the random ones."""

    def __init__(self, store: Store, push_mode: str) -> None:
        self._store = store
        self._begin = push_mode
        self._rolls: Counter[str] = Counter()
        self.now = Switches(push_mode=push_mode)
        values = store.get("switches", "switches")
        if values is not None:
            self.now = Switches(**{k: v for k, v in values.items() if k in asdict(self.now)})

    def turn(self, changes: dict[str, Any]) -> None:
        """Change some switches, all of them or none.

        Raises:
            ValueError: no such switch, or not a value for it.
        """
        kinds = {f.name: type(getattr(self.now, f.name)) for f in fields(Switches)}
        values: dict[str, Any] = {}
        for name, value in changes.items():
            if name not in kinds:
                raise ValueError(f"没有叫 {name} 的开关")
            if kinds[name] is float and isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
            if type(value) is not kinds[name] or not _fits(name, value):
                raise ValueError(f"开关 {name} 不能设为 {value!r}")
            values[name] = value
        for name, value in values.items():
            setattr(self.now, name, value)
        if "seed" in values:
            self._rolls.clear()
        self._keep()

    def reset(self) -> None:
        """All switches as they were at the beginning."""
        self.now = Switches(push_mode=self._begin)
        self._rolls.clear()
        self._keep()

    def forced_error(self, path: str) -> int | None:
        """The error this call must meet, if one was ordered; uses it up."""
        for order in self.now.forced:
            if order.get("path", "*") in ("*", path) and int(order.get("times", 1)) > 0:
                order["times"] = int(order.get("times", 1)) - 1
                self.now.forced = [o for o in self.now.forced if int(o.get("times", 1)) > 0]
                self._keep()
                return int(order["errcode"])
        return None

    def loses_call(self, path: str) -> bool:
        """Whether this call is to be lost before it is carried out."""
        return self._meets("lose", path)

    def drops_answer(self, path: str) -> bool:
        """Whether the answer to this call, carried out already, is to be lost."""
        return self._meets("drop", path)

    def _meets(self, kind: str, path: str) -> bool:
        if self.now.drop_path not in ("*", path):
            return False
        if getattr(self.now, f"{kind}_next") > 0:
            setattr(self.now, f"{kind}_next", getattr(self.now, f"{kind}_next") - 1)
            self._keep()
            return True
        share = float(getattr(self.now, f"{kind}_share"))
        return share > 0 and self.chance(f"{kind} {path}") < share

    def chance(self, about: str) -> float:
        """A number from 0 to 1 by the seed, the matter and how often it came up: whoever comes between changes nothing."""
        self._rolls[about] += 1
        drawn = hashlib.sha256(f"{self.now.seed} {about} {self._rolls[about]}".encode()).digest()
        return int.from_bytes(drawn[:8], "big") / 2**64

    def _keep(self) -> None:
        self._store.put("switches", "switches", asdict(self.now))
