"""WeChat's template messages alone, for a hundred thousand people: the sandbox keeps a chat for each and would take hours.

It speaks WeChat's wire, keeps its own count by person, suppresses a second call of one `client_msg_id` for ten minutes,
loses, cuts, hangs and refuses by its own dice, and tells events by sealed pushes: twice, late, before the answer.

python -m tests.kit.lean_wechat PORT SERVICE APPID TOKEN AES_KEY
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any, cast

import aiohttp
import orjson
from aiohttp import web

from server.sandbox import crypto, limits, xml

REFUSALS = (-1, -1, 47003, 40003, 43004)
HANGS = 7.0  # seconds, longer than the service waits
PUSHES_AT_ONCE = 8
STATUSES = ("success",) * 46 + ("failed:user block", "failed: system failed") * 2


@dataclass
class Mood:
    """Shares of all calls: lost before and cut after they are carried out, hanging after it, refused; and the rest.

    Attributes:
        slow: seconds before an answer. told: of how many messages an event tells. twice: of how many events two come.
        late: seconds that an event waits at most.
    """

    lose: float = 0.0
    cut: float = 0.0
    hang: float = 0.0
    refuse: float = 0.0
    slow: float = 0.0
    told: float = 1.0
    twice: float = 0.0
    late: float = 0.0


@dataclass
class LeanWeChat:
    """What it knows."""

    service: str
    appid: str
    token: str
    aes_key: str
    mood: Mood = field(default_factory=Mood)
    dice: random.Random = field(default_factory=lambda: random.Random(20261127))
    ahead: float = 0.0
    msgid: int = 3_900_000_000_000_000_000
    accepted: Counter[str] = field(default_factory=Counter)
    shown: Counter[str] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)
    kept: dict[str, tuple[int, float]] = field(default_factory=dict)
    pushes: set[asyncio.Task[None]] = field(default_factory=set)
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PUSHES_AT_ONCE))
    http: aiohttp.ClientSession | None = None

    def now(self) -> float:
        return time.time() + self.ahead

    async def stable_token(self, request: web.Request) -> web.Response:
        return web.json_response({"access_token": "t" * 512, "expires_in": 7200})

    async def send(self, request: web.Request) -> web.StreamResponse:
        mood, die = self.mood, self.dice.random()
        if die < mood.lose:
            return self._cut(request, "lost before")
        if die < mood.lose + mood.refuse:
            errcode = self.dice.choice(REFUSALS)
            self.happened[f"refused {errcode}"] += 1
            return web.json_response({"errcode": errcode, "errmsg": "no"})
        body = orjson.loads(await request.read())
        msgid = self._accepted(body["touser"], body["client_msg_id"])
        if mood.slow:
            await asyncio.sleep(self.dice.uniform(0, mood.slow))
        if die > 1 - mood.cut:
            return self._cut(request, "cut after")
        if die > 1 - mood.cut - mood.hang:
            await asyncio.sleep(HANGS)
            return self._cut(request, "hung after")
        return web.json_response({"errcode": 0, "errmsg": "ok", "msgid": msgid})

    def _cut(self, request: web.Request, how: str) -> web.Response:
        self.happened[how] += 1
        cast(asyncio.Transport, request.transport).abort()
        return web.Response(status=500)

    def _accepted(self, openid: str, once: str) -> int:
        msgid, until = self.kept.get(once, (0, 0.0))
        if until > self.now():
            self.happened["second calls suppressed"] += 1
            return msgid
        self.msgid += 1
        self.accepted[openid] += 1
        self.kept[once] = (self.msgid, self.now() + limits.CLIENT_MSG_SECONDS)
        status = self.dice.choice(STATUSES)
        if status == "success":
            self.shown[openid] += 1
        if self.dice.random() < self.mood.told:
            task = asyncio.create_task(self._tell(openid, self.msgid, status))
            self.pushes.add(task)
            task.add_done_callback(self.pushes.discard)
        return self.msgid

    async def _tell(self, openid: str, msgid: int, status: str) -> None:
        """The event, until the service answers it, at most four times."""
        event = {
            "ToUserName": "gh_lean",
            "FromUserName": openid,
            "CreateTime": int(self.now()),
            "MsgType": "event",
            "Event": "TEMPLATESENDJOBFINISH",
            "MsgID": msgid,
            "Status": status,
        }
        for _ in range(2 if self.dice.random() < self.mood.twice else 1):
            if self.mood.late:
                await asyncio.sleep(self.dice.uniform(0, self.mood.late))
            for _ in range(1 + limits.PUSH_RETRIES):
                if await self._push(event):
                    self.happened["events answered"] += 1
                    break
                self.happened["events not answered"] += 1

    async def _push(self, event: dict[str, Any]) -> bool:
        stamp, nonce = str(int(self.now())), str(self.dice.randrange(10**9))
        sealed = crypto.encrypt(self.aes_key, self.appid, xml.build(event))
        query = {
            "signature": crypto.signature(self.token, stamp, nonce),
            "timestamp": stamp,
            "nonce": nonce,
            "openid": event["FromUserName"],
            "encrypt_type": "aes",
            "msg_signature": crypto.signature(self.token, stamp, nonce, sealed),
        }
        body = xml.build({"ToUserName": "gh_lean", "Encrypt": sealed})
        if self.http is None:
            self.http = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=limits.PUSH_SECONDS), cookie_jar=aiohttp.DummyCookieJar()
            )
        async with self.gate:
            try:
                async with self.http.post(
                    f"{self.service}/wechat/oa", params=query, data=body.encode()
                ) as answer:
                    return answer.status == 200
            except (TimeoutError, aiohttp.ClientError):
                return False

    # For the test

    async def turn(self, request: web.Request) -> web.Response:
        names = {one.name for one in fields(Mood)}
        self.mood = Mood(**{name: value for name, value in (await request.json()).items() if name in names})
        return web.Response()

    async def forward(self, request: web.Request) -> web.Response:
        self.ahead += (await request.json())["forward"]
        return web.Response()

    async def settle(self, request: web.Request) -> web.Response:
        while self.pushes:
            await asyncio.gather(*self.pushes)
        return web.Response()

    async def known(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"accepted": self.accepted, "shown": self.shown, "happened": self.happened}, dumps=_text
        )


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


def main(port: int, service: str, appid: str, token: str, aes_key: str) -> None:
    wechat = LeanWeChat(service, appid, token, aes_key)
    app = web.Application(client_max_size=2**20)
    app.add_routes(
        [
            web.post("/cgi-bin/stable_token", wechat.stable_token),
            web.post("/cgi-bin/message/template/send", wechat.send),
            web.post("/sandbox/api/switches", wechat.turn),
            web.post("/sandbox/api/clock", wechat.forward),
            web.post("/sandbox/api/settle", wechat.settle),
            web.get("/sandbox/api/switches", wechat.known),
        ]
    )
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
