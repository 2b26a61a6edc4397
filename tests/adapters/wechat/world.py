"""Our side and WeChat's at hand: WeChatApi against a sandbox in this process, which can be made to fail."""

from __future__ import annotations

import dataclasses
from typing import Any

from server.adapters import cache
from server.adapters.wechat.api import WeChatApi
from server.sandbox import codes
from server.sandbox.platform import Platform
from server.settings import Settings
from tests.kit.fakes import FakeClock

FIELDS = {"thing1": "第四批全国统考", "date2": "2023年9月22日", "time3": "2026年11月23日 12:00"}


@dataclasses.dataclass
class World:
    """Our side, and WeChat's."""

    api: WeChatApi
    platform: Platform
    settings: Settings
    store: cache.RedisCache
    clock: FakeClock

    def openid(self, kind: str = "oa", person: str = "p1") -> str:
        account, who = self.platform.config.account(kind), self.platform.people.get(person)
        assert account is not None and who is not None
        return self.platform.openid(account, who)

    def follows(self, person: str = "p1") -> None:
        account, who = self.platform.config.account("oa"), self.platform.people.get(person)
        assert account is not None and who is not None
        self.platform.people.follow(account, who, self.platform.clock.unix(), "ADD_SCENE_SEARCH")

    def code(self, door: str, kind: str, **more: Any) -> str:
        account, who = self.platform.config.account(kind), self.platform.people.get("p1")
        assert account is not None and who is not None
        return codes.issue(self.platform, door, account, who, **more)

    def turn(self, **switches: Any) -> None:
        self.platform.switchboard.turn(switches)

    def fail(self, path: str, errcode: int, times: int = 1) -> None:
        self.turn(forced=[{"path": path, "errcode": errcode, "times": times}])

    def calls(self, path: str) -> int:
        return sum(1 for row in self.platform.timeline.rows() if row["what"].endswith(path))

    async def send(self, openid: str | None = None, dedup: str = "d") -> str:
        return await self.api.send_template(
            openid or self.openid(),
            self.settings.oa_template_result,
            FIELDS,
            url="http://127.0.0.1:8000/h5/results",
            dedup_id=dedup,
        )
