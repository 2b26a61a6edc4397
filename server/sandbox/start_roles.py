"""Who one can be in this world, and what there is to do: as a project has registered it, or in general."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from server.sandbox.config import Role, Step
from server.sandbox.platform import Platform
from server.sandbox.wechat_users import Person

GENERAL = (
    Role(
        "用户",
        "用公众号和小程序办自己的事的人。",
        (
            Step("关注公众号，看它怎样打招呼", "#account"),
            Step("点菜单，发一句话", "#chat"),
            Step("打开服务的网页，在网页里登录", "/"),
            Step("打开小程序", "pages/index/index"),
        ),
    ),
    Role(
        "负责人",
        "收到通知以后用手机确认的人，例如扫一扫电脑上的二维码。",
        (
            Step("关注公众号", "#account"),
            Step("扫一扫电脑屏幕上的二维码", "#scan"),
            Step("看服务通知，点开卡片", "#notices"),
        ),
    ),
    Role(
        "工作人员",
        "在电脑前办理业务，让手机上发生事情的人。",
        (
            Step("打开被测的服务", url="{service}/"),
            Step("看服务与微信说了什么", url="/sandbox"),
            Step("换一种坏天气，再做一遍", url="#weather"),
        ),
    ),
)


def cards(platform: Platform) -> list[dict[str, Any]]:
    """Each role with its people and its steps, with the addresses that open them for each person."""
    everyone = platform.people.everyone()
    registered = any(person.role for person in everyone)
    roles = platform.config.roles or GENERAL
    return [
        {
            "title": role.title,
            "about": role.about,
            "people": [
                {
                    **person.as_json(),
                    "note": _note(role, person),
                    "follows": _follows(platform, person),
                    "phone": _phone(person),
                }
                for person in _people_of(role, place, everyone, registered=registered)
            ],
            "steps": [
                {
                    "text": step.text,
                    "url": _url(platform, step),
                    "query": _query(platform, step),
                    "is_follow": step.place == "#account",
                }
                for step in role.steps
            ],
        }
        for place, role in enumerate(roles)
    ]


def _people_of(role: Role, place: int, everyone: list[Person], *, registered: bool) -> list[Person]:
    """Whose `role` begins with the title; where nobody has one, two of the invented people for each role."""
    if registered:
        return [person for person in everyone if person.role.split(" · ")[0] == role.title]
    return everyone[2 * place : 2 * place + 2]


def _note(role: Role, person: Person) -> str:
    """What tells this one from the others of the role: what is registered after its title."""
    return person.role.removeprefix(role.title).strip(" ·")


def _follows(platform: Platform, person: Person) -> bool:
    """The one step that the sandbox itself sees done."""
    oa = platform.account("oa")
    return oa is not None and platform.people.following(oa, person) is not None


def _phone(person: Person) -> str:
    return f"/phone?{urlencode({'person': person.id})}"


def _url(platform: Platform, step: Step) -> str:
    """For the computer; empty where the step is one on the phone."""
    return step.url.replace("{service}", platform.service_url)


def _query(platform: Platform, step: Step) -> str:
    """What is added to a phone's address to open the step's place in it."""
    if step.place.startswith("/"):
        return "&" + urlencode({"open": platform.service_url + step.place})
    if step.place.startswith("pages/"):
        return f"#program={quote(step.place, safe='')}"
    return step.place
