"""What can be made to go wrong in WeChat Pay on purpose, and the choices of the merchant console."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from server.sandbox.pay.refusals import STATUS
from server.sandbox.store import Store


@dataclass(slots=True)
class PaySwitches:
    """Kept in the store. Slow and dropped answers, copies, delays and holding back are those of the whole sandbox.

    Attributes:
        forced: refusals for the next calls: `{"path": "*" or a path as in pay.ROUTES, "code", "times", "after"}`;
            with `after` the call is carried out all the same, as a SYSTEM_ERROR may hide a success.
        public_key_share: per cent of the notifications signed with the public key's pair, the others with the
            certificate's (the grey release of §7.2).
        new_merchant: a merchant since 2024-09: no platform certificates at all.
        unlinked: appids that are not linked with the merchant.
        directories: 支付授权目录 of H5 pages; empty: the whole of the service.
        changed_order_code: how an order number with other fields is refused.
        codes_without_underscores: ORDERPAID instead of ORDER_PAID and so on, as some pages of the document have it.
        not_enough: refunds are refused for want of money.
        balance_fen: what the merchant has left for refunds, each takes from it until it runs dry; -1: enough for ever.
        refund_outcome: what becomes of a refund; refund_seconds: after how long, by the sandbox's clock.
        bill_creating: the bill is still in work whatever the time.
        apiv3_key_set: without an APIv3 key no notification is sent at all.
        notify_seconds: how long after it happened a notification first arrives, by the sandbox's clock; what
            happens later, under a smaller number, is told earlier.
        notify_lost: notifications get lost, all of them (delivery is not guaranteed).
        probe_share: per cent of the notifications before which a SIGNTEST probe is sent.
        probe_answers: so many next answers carry a SIGNTEST signature.
        rates: the limits of requests a second hold.
    """

    forced: list[dict[str, Any]] = field(default_factory=list)
    public_key_share: int = 100
    new_merchant: bool = False
    unlinked: list[str] = field(default_factory=list)
    directories: list[str] = field(default_factory=list)
    changed_order_code: str = "OUT_TRADE_NO_USED"
    codes_without_underscores: bool = False
    not_enough: bool = False
    balance_fen: int = -1
    refund_outcome: str = "SUCCESS"
    refund_seconds: float = 3.0
    bill_creating: bool = False
    apiv3_key_set: bool = True
    notify_seconds: float = 0.0
    notify_lost: bool = False
    probe_share: int = 0
    probe_answers: int = 0
    rates: bool = True


CHOICES: dict[str, tuple[Any, ...]] = {
    "changed_order_code": ("OUT_TRADE_NO_USED", "INVALID_REQUEST"),
    "refund_outcome": ("SUCCESS", "ABNORMAL", "CLOSED"),
    "public_key_share": tuple(range(101)),
    "probe_share": tuple(range(101)),
}


class PaySwitchBoard:
    """The pay switches of one sandbox; shares are drawn with the seed of the whole sandbox."""

    def __init__(self, store: Store, chance: Callable[[str], float]) -> None:
        self._store = store
        self._chance = chance
        values = store.get("pay.switches", "switches") or {}
        names = {f.name for f in fields(PaySwitches)}
        self.now = PaySwitches(**{name: value for name, value in values.items() if name in names})

    def turn(self, changes: dict[str, Any]) -> None:
        """Change some switches, or none if one of them is wrong.

        Raises:
            ValueError: no such switch, or not a value for it.
        """
        kinds = {f.name: type(getattr(self.now, f.name)) for f in fields(PaySwitches)}
        checked = {}
        for name, value in changes.items():
            if name not in kinds:
                raise ValueError(f"没有叫 {name} 的开关")
            if kinds[name] is float and type(value) is int:
                value = float(value)
            if type(value) is not kinds[name] or value not in CHOICES.get(name, (value,)):
                raise ValueError(f"开关 {name} 不能设为 {value!r}")
            checked[name] = value
        for order in checked.get("forced", []):
            if not isinstance(order, dict) or order.get("code") not in STATUS:
                raise ValueError("forced 应为 [{path, code, times, after}]，code 为微信支付的错误码")
        for name, value in checked.items():
            setattr(self.now, name, value)
        self._keep()

    def takes(self, fen: int) -> bool:
        """Take so much from the merchant's balance. False: it does not suffice, and nothing was taken."""
        if self.now.not_enough or 0 <= self.now.balance_fen < fen:
            return False
        if self.now.balance_fen >= 0:
            self.now.balance_fen -= fen
            self._keep()
        return True

    def reset(self) -> None:
        """All switches as they were at the beginning."""
        self.now = PaySwitches()
        self._keep()

    def forced(self, path: str) -> dict[str, Any] | None:
        """The refusal this call must meet, if one was ordered; uses it up."""
        for order in self.now.forced:
            if order.get("path", "*") in ("*", path):
                times = int(order.get("times", 1)) - 1
                others = [o for o in self.now.forced if o is not order]
                self.now.forced = [{**order, "times": times}, *others] if times > 0 else others
                self._keep()
                return order
        return None

    def by_chance(self, about: str, share: int) -> bool:
        """True in so many per cent of all cases."""
        return share > 0 and self._chance(f"pay {about}") * 100 < share

    def probes_answer(self) -> bool:
        """Whether the next answer is to be a SIGNTEST probe; uses one up."""
        if self.now.probe_answers <= 0:
            return False
        self.now.probe_answers -= 1
        self._keep()
        return True

    def _keep(self) -> None:
        self._store.put("pay.switches", "switches", asdict(self.now))
