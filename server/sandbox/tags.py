"""Tags that a service account puts on its followers, and its remarks about them (wechat.md §6.4, DOC 《标签管理》)."""

from __future__ import annotations

from typing import Any

from sanic import Blueprint

from server.sandbox import limits
from server.sandbox.config import Account
from server.sandbox.gate import Answer, Call, Door, api
from server.sandbox.platform import Platform
from server.sandbox.refusals import WeChatError
from server.sandbox.wechat_users import Person

bp = Blueprint("tags")

OK = {"errcode": 0, "errmsg": "ok"}
FIRST = 100
STARRED = 2
"""The tag that every account has; it cannot be changed."""


def of(platform: Platform, account: Account, person: Person) -> list[int]:
    """The tags of a person, in the order they were put on."""
    entry = platform.store.get("tagged", f"{account.appid} {person.id}") or {"tags": []}
    return [int(number) for number in entry["tags"]]


def is_there(platform: Platform, account: Account, number: str) -> bool:
    """Whether there is a tag of this number."""
    key = f"{account.appid} {int(number):09d}" if number.isdigit() else ""
    return number == str(STARRED) or platform.store.get("tag", key) is not None


def _all(call: Call) -> dict[int, str]:
    bodies = call.platform.store.all("tag", f"{call.account.appid} ")
    return {int(key.rpartition(" ")[2]): str(body["name"]) for key, body in bodies.items()}


def _followers(call: Call) -> list[Person]:
    people = call.platform.people
    return [one for one in people.everyone() if people.following(call.account, one) is not None]


def _name(call: Call, names: dict[int, str]) -> str:
    """A tag's name.

    Raises:
        WeChatError: 45158 too long or empty, 45157 taken.
    """
    tag = call.body.get("tag")
    name = tag.get("name") if isinstance(tag, dict) else None
    if not isinstance(name, str) or not 1 <= len(name) <= limits.TAG_NAME_LENGTH:
        raise WeChatError(45158)
    if name in names.values():
        raise WeChatError(45157)
    return name


def _number(call: Call, value: object) -> int:
    if not isinstance(value, int) or value not in {STARRED, *_all(call)}:
        raise WeChatError(45159)
    return value


def _own(call: Call) -> int:
    """The id of a tag that may be changed."""
    tag = call.body.get("tag")
    number = _number(call, tag.get("id") if isinstance(tag, dict) else None)
    if number == STARRED:
        raise WeChatError(45058)
    return number


@api(bp, Door("/cgi-bin/tags/create", accounts=("oa",)))
async def create(call: Call) -> Answer:
    names = _all(call)
    name = _name(call, names)
    if len(names) >= limits.TAGS_MOST:
        raise WeChatError(45056)
    number = FIRST - 1 + call.platform.store.count("tag", call.account.appid)
    call.platform.store.put("tag", f"{call.account.appid} {number:09d}", {"name": name})
    return {"tag": {"id": number, "name": name}}


@api(bp, Door("/cgi-bin/tags/get", "GET", accounts=("oa",)))
async def listing(call: Call) -> Answer:
    numbers = [number for one in _followers(call) for number in of(call.platform, call.account, one)]
    every = {STARRED: "星标组", **_all(call)}
    return {"tags": [{"id": n, "name": name, "count": numbers.count(n)} for n, name in every.items()]}


@api(bp, Door("/cgi-bin/tags/update", accounts=("oa",)))
async def update(call: Call) -> Answer:
    number = _own(call)
    others = {n: name for n, name in _all(call).items() if n != number}
    body = {"name": _name(call, others)}
    call.platform.store.put("tag", f"{call.account.appid} {number:09d}", body)
    return OK


@api(bp, Door("/cgi-bin/tags/delete", accounts=("oa",)))
async def delete(call: Call) -> Answer:
    number = _own(call)
    call.platform.store.drop("tag", f"{call.account.appid} {number:09d}")
    for person in call.platform.people.everyone():
        _wear(call, person, [n for n in of(call.platform, call.account, person) if n != number])
    return OK


def _wear(call: Call, person: Person, numbers: list[int]) -> None:
    call.platform.store.put("tagged", f"{call.account.appid} {person.id}", {"tags": numbers})


def _people(call: Call) -> list[Person]:
    """Who is meant; all of them have to follow.

    Raises:
        WeChatError: 40032 none or more than 50, 40003, 49003 another account's or not following.
    """
    openids = call.body.get("openid_list")
    if not isinstance(openids, list) or not 1 <= len(openids) <= limits.TAGGED_AT_ONCE:
        raise WeChatError(40032, verdict=f"openid_list 应有 1 至 {limits.TAGGED_AT_ONCE} 个")
    people = [call.person(openid) for openid in openids]
    if any(call.platform.people.following(call.account, one) is None for one in people):
        raise WeChatError(49003, verdict="名单里有人没有关注")
    return people


@api(bp, Door("/cgi-bin/tags/members/batchtagging", accounts=("oa",)))
async def put_on(call: Call) -> Answer:
    number, people = _number(call, call.body.get("tagid")), _people(call)
    tags_of = {one.id: of(call.platform, call.account, one) for one in people}
    if any(number not in tags and len(tags) >= limits.TAGS_A_PERSON for tags in tags_of.values()):
        raise WeChatError(45059)
    for person in people:
        if number not in tags_of[person.id]:
            _wear(call, person, [*tags_of[person.id], number])
    return OK


@api(bp, Door("/cgi-bin/tags/members/batchuntagging", accounts=("oa",)))
async def take_off(call: Call) -> Answer:
    number = _number(call, call.body.get("tagid"))
    for person in _people(call):
        _wear(call, person, [n for n in of(call.platform, call.account, person) if n != number])
    return OK


@api(bp, Door("/cgi-bin/tags/getidlist", accounts=("oa",)))
async def of_one(call: Call) -> Answer:
    return {"tagid_list": of(call.platform, call.account, call.person(call.body.get("openid")))}


@api(bp, Door("/cgi-bin/user/tag/get", accounts=("oa",)))
async def wearers(call: Call) -> Answer:
    number = _number(call, call.body.get("tagid"))
    openids = [
        call.platform.openid(call.account, one)
        for one in _followers(call)
        if number in of(call.platform, call.account, one)
    ]
    after = str(call.body.get("next_openid") or "")
    page = openids[openids.index(after) + 1 :] if after in openids else openids
    answer: dict[str, Any] = {"count": len(page), "next_openid": page[-1] if page else ""}
    return {**answer, "data": {"openid": page}} if page else answer


@api(bp, Door("/cgi-bin/user/info/updateremark", accounts=("oa",)))
async def remark(call: Call) -> Answer:
    person, text = call.person(call.body.get("openid")), call.body.get("remark")
    if not isinstance(text, str) or len(text) > limits.REMARK_LENGTH:
        raise WeChatError(40097, verdict=f"remark 最多 {limits.REMARK_LENGTH} 个字")
    call.platform.store.put("remark", f"{call.account.appid} {person.id}", {"text": text})
    return OK
