"""WeChat Pay of one sandbox: its merchant, keys, switches, and the work that waits for its time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from server.sandbox.clock import BEIJING
from server.sandbox.config import Account, Merchant
from server.sandbox.pay import limits
from server.sandbox.pay.key_pairs import Keyring
from server.sandbox.pay.switches import PaySwitchBoard
from server.sandbox.platform import Platform

log = logging.getLogger(__name__)


class PayDesk:
    """Everything the handlers of WeChat Pay need; one for each sandbox that has a merchant."""

    def __init__(self, platform: Platform, merchant: Merchant) -> None:
        self.platform = platform
        self.merchant = merchant
        self.store = platform.store
        self.clock = platform.clock
        self.keys = Keyring(merchant, platform.store, platform.clock)
        self.switchboard = PaySwitchBoard(platform.store, platform.switchboard.chance)
        self.due: list[Callable[[], None]] = []
        self._awake = False
        self._nonces: dict[str, float] = {}
        self._second = 0
        self._counted: Counter[str] = Counter()

    def rfc3339(self, at: float | None = None) -> str:
        """A time as WeChat Pay writes it, in Beijing's."""
        seconds = self.clock.now() if at is None else at
        return datetime.fromtimestamp(seconds, BEIJING).isoformat(timespec="seconds")

    def linked(self, appid: str) -> Account | None:
        """The account of this appid, if it is linked with the merchant."""
        return None if appid in self.switchboard.now.unlinked else self.platform.by_appid(appid)

    def serial_for(self, serial: str) -> str:
        """Which key signs an answer: the one asked for by Wechatpay-Serial, else the certificate, if there is any."""
        if self.switchboard.now.new_merchant:
            return self.keys.public_key_id
        return serial if serial == self.keys.public_key_id else self.keys.used().serial

    def used_before(self, nonce: str) -> bool:
        """Whether this nonce of the merchant has been seen within the window of its timestamp."""
        now = self.clock.now()
        if len(self._nonces) % 500 == 499:
            window = 2 * limits.CLOCK_SECONDS
            self._nonces = {one: at for one, at in self._nonces.items() if abs(now - at) <= window}
        is_known = nonce in self._nonces
        self._nonces[nonce] = now
        return is_known

    def too_many(self, what: str, most: int) -> bool:
        """One more of these in this second of real time, and whether that is too many."""
        if int(time.time()) != self._second:
            self._second = int(time.time())
            self._counted.clear()
        self._counted[what] += 1
        return self.switchboard.now.rates and self._counted[what] > most

    def run_due(self) -> None:
        """Whatever the clock says must happen by now: refunds that end, notifications that go out."""
        for work in self.due:
            work()

    async def settle(self) -> None:
        """Do what is due and wait until it has ended."""
        self.run_due()
        await self.platform.settle()

    def wake(self) -> None:
        """From now on look at the clock again and again, since tests move it; needs a running event loop."""
        if not self._awake:
            self._awake = True
            self.platform.until_closed(self._watch())

    async def _watch(self) -> None:
        while True:
            try:
                self.run_due()
            except Exception:
                log.exception("what is due in WeChat Pay could not be done")
            await asyncio.sleep(limits.TICK_SECONDS)
