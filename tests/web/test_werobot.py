"""WeRoBot, which nobody here wrote and we do not use, seals pushes for our door and opens what it answers."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from sanic import Sanic
from werobot.crypto import MessageCrypt
from werobot.crypto.exceptions import AppIdValidationError
from werobot.parser import process_message
from werobot.replies import TextReply
from werobot.utils import get_signature

from server.domain.ports import Services
from server.settings import Settings
from tests.kit.exchange import exchange
from tests.kit.reused_apps import ReusedApps
from tests.kit.wechat_platform import GenuinePushes

App = Sanic[Any, Any]
OPENID = "o-candidate-000000000000000"


@pytest.fixture
def door(services: Services, reused_apps: ReusedApps) -> App:
    exchange(services, wechat_pushes=GenuinePushes(services.settings))
    return reused_apps.take(services)


@pytest.fixture
def robot(services: Services) -> MessageCrypt:
    return robot_of(services.settings)


def robot_of(settings: Settings, **other: str) -> MessageCrypt:
    known = {
        "token": settings.oa_token,
        "encoding_aes_key": settings.oa_aes_key,
        "app_id": settings.oa_appid,
    }
    return MessageCrypt(**{**known, **other})


def read(body: str | bytes) -> dict[str, str]:
    return {node.tag: node.text or "" for node in ElementTree.fromstring(body)}


async def push(door: App, robot: MessageCrypt, content: str) -> Any:
    """What a person wrote, rendered, sealed and signed by WeRoBot."""
    message = TextReply(source=OPENID, target="gh_1", content=content, time=1_700_000_000).render()
    message = message.replace("</xml>", f"<MsgId>{secrets.randbelow(10**15)}</MsgId></xml>")
    sealed = read(robot.encrypt_message(message))
    stamp, nonce = sealed["TimeStamp"], sealed["Nonce"]
    query = {
        "timestamp": stamp,
        "nonce": nonce,
        "signature": get_signature(robot.token, stamp, nonce),
        "encrypt_type": "aes",
        "msg_signature": sealed["MsgSignature"],
    }
    body = f"<xml><ToUserName>gh_1</ToUserName><Encrypt>{sealed['Encrypt']}</Encrypt></xml>"
    _, response = await door.asgi_client.post(f"/wechat/oa?{urlencode(query)}", content=body.encode())
    return response


async def test_werobot_opens_our_answer_to_its_push(door: App, robot: MessageCrypt) -> None:
    for content in (
        "帮助",
        "𠮷䶮，您好 <b>&",
        "成绩" * 300,
    ):  # paddings of several lengths, characters beyond the BMP
        response = await push(door, robot, content)
        assert response.status == 200
        sealed = read(response.body)
        opened = robot.decrypt_message(
            sealed["TimeStamp"], sealed["Nonce"], sealed["MsgSignature"], sealed["Encrypt"]
        )
        answer = process_message(read(opened))
        assert (answer.type, answer.source, answer.target) == ("text", "gh_1", OPENID)
        assert "回复“成绩”" in answer.content or "绑定" in answer.content


async def test_what_werobot_seals_for_another_account_is_refused(door: App, services: Services) -> None:
    for other in ({"app_id": "wx0000000000000000"}, {"token": "another"}, {"encoding_aes_key": "b" * 43}):
        response = await push(door, robot_of(services.settings, **other), "帮助")
        assert response.status == 401, other
        assert response.json["code"].startswith("push_")


async def test_werobot_refuses_our_answer_under_another_appid(
    door: App, robot: MessageCrypt, services: Services
) -> None:
    sealed = read((await push(door, robot, "帮助")).body)
    stranger = robot_of(services.settings, app_id="wx0000000000000000")
    with pytest.raises(AppIdValidationError):
        stranger.decrypt_message(
            sealed["TimeStamp"], sealed["Nonce"], sealed["MsgSignature"], sealed["Encrypt"]
        )
