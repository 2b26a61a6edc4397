"""What can be made to go wrong on purpose, and the choices WeChat's consoles offer."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from server.sandbox.store import Store


@dataclass(slots=True)
class Switches:
    """Everything a developer or a test can turn; kept in the store.

    Attributes:
        forced: errors for the next calls: `{"path": "*" or a path, "errcode": …, "times": …}`.
        slow_seconds: every answer to the service waits so long; `slow_path` narrows it.
        drop_next: so many next calls are carried out, then the connection is cut instead of answered.
        drop_share: share of all calls (0 to 1) whose answer is cut so.
        drop_after_seconds: how long such a call hangs before it is cut; longer than the caller waits: a time-out.
        ip_whitelist: addresses that may call; empty lets everyone in.
        snapshot: OAuth gives the virtual account of a preview page.
        unionid: both accounts are bound to one open-platform account.
        push_mode: safe, compat or plain. `mp_push_format`: xml or json.
        push_copies: every push arrives so many times. `push_delay_seconds`: each waits a random time up to this.
        push_hold: pushes are kept back until so many have come, then sent in reverse order (0: never).
        force_refresh_excess: "same" or "45009" after twenty forced refreshes a day (both are seen, §11).
        force_refresh_grace: seconds that the token replaced by force goes on.
        template_status: what TEMPLATESENDJOBFINISH says; only success is delivered.
        published_pages: pages of the published mini-program; empty: all exist.
        link_rules: rules of ordinary links that open the mini-program: `{"prefix": …, "published": true}`.
        web_domains: hosts allowed for OAuth and the JS-SDK; empty: the host of the service.
    """

    forced: list[dict[str, Any]] = field(default_factory=list)
    slow_seconds: float = 0.0
    slow_path: str = "*"
    drop_next: int = 0
    drop_share: float = 0.0
    drop_after_seconds: float = 0.0
    ip_whitelist: list[str] = field(default_factory=list)
    snapshot: bool = False
    unionid: bool = False
    push_mode: str = "safe"
    mp_push_format: str = "xml"
    push_copies: int = 1
    push_delay_seconds: float = 0.0
    push_hold: int = 0
    force_refresh_excess: str = "same"
    force_refresh_grace: int = 0
    template_status: str = "success"
    published_pages: list[str] = field(default_factory=list)
    link_rules: list[dict[str, Any]] = field(default_factory=list)
    web_domains: list[str] = field(default_factory=list)


CHOICES = {
    "push_mode": ("safe", "compat", "plain"),
    "mp_push_format": ("xml", "json"),
    "force_refresh_excess": ("same", "45009"),
    "template_status": ("success", "failed:user block", "failed: system failed"),
}


class SwitchBoard:
    """The switches of one sandbox, and the dice for the random ones."""

    def __init__(self, store: Store, push_mode: str) -> None:
        self._store = store
        self._begin = push_mode
        self.dice = random.Random(20261123)  # noqa: S311 -- chance for tests, the same in every run
        self.now = Switches(push_mode=push_mode)
        kept = store.get("switches", "switches")
        if kept is not None:
            self.now = Switches(**{k: v for k, v in kept.items() if k in asdict(self.now)})

    def turn(self, changes: dict[str, Any]) -> None:
        """Change some switches.

        Raises:
            ValueError: no such switch, or not a value for it.
        """
        kinds = {f.name: type(getattr(self.now, f.name)) for f in fields(Switches)}
        for name, value in changes.items():
            if name not in kinds:
                raise ValueError(f"没有叫 {name} 的开关")
            if kinds[name] is float and isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
            if type(value) is not kinds[name] or value not in CHOICES.get(name, (value,)):
                raise ValueError(f"开关 {name} 不能设为 {value!r}")
            setattr(self.now, name, value)
        self._keep()

    def reset(self) -> None:
        """All switches as they were at the beginning."""
        self.now = Switches(push_mode=self._begin)
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

    def drops_answer(self) -> bool:
        """Whether the answer to this call, carried out already, is to be lost."""
        if self.now.drop_next > 0:
            self.now.drop_next -= 1
            self._keep()
            return True
        return self.now.drop_share > 0 and self.dice.random() < self.now.drop_share

    def _keep(self) -> None:
        self._store.put("switches", "switches", asdict(self.now))
