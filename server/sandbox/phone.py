"""The phone in the browser: its page, what it shows, and what its buttons do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sanic import Blueprint, HTTPResponse, Request, empty, json

from server.sandbox import acts, agents, chat, menu_taps, pages, scanner, subscribing, webview
from server.sandbox.platform import Platform
from server.sandbox.wechat_users import Person

bp = Blueprint("phone", url_prefix="/phone")


def _platform(request: Request) -> Platform:
    platform: Platform = request.app.ctx.platform
    return platform


@bp.get("/")
async def page(request: Request) -> HTTPResponse:
    platform = _platform(request)
    return pages.render(
        "phone.html",
        accounts={account.kind: account for account in platform.config.accounts},
        service_url=platform.service_url,
    )


@bp.get("/avatar/<person_id:str>")
async def avatar(request: Request, person_id: str) -> HTTPResponse:
    """A coloured square with the first character of the name."""
    person = _platform(request).people.get(person_id)
    if person is None:
        return empty(404)
    picture = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" '
        f'fill="{person.colour}"/><text x="20" y="27" text-anchor="middle" fill="#fff" '
        f'font-size="18" font-family="sans-serif">{person.name[0].replace("<", "").replace("&", "")}</text></svg>'
    )
    return HTTPResponse(picture, content_type="image/svg+xml")


@bp.get("/api/people")
async def people(request: Request) -> HTTPResponse:
    return json({"people": [person.as_json() for person in _platform(request).people.everyone()]})


@bp.post("/api/people", name="add_person")
async def add_person(request: Request) -> HTTPResponse:
    name = str((request.json or {}).get("name", ""))
    return json(_platform(request).people.add(name).as_json())


@bp.get("/api/feed/<person_id:str>")
async def feed(request: Request, person_id: str) -> HTTPResponse:
    """Everything this person's phone shows; 204 when nothing is new since `?seen=`."""
    platform = _platform(request)
    person = platform.people.get(person_id)
    if person is None:
        return json({"problem": "没有这个人。"}, status=404)
    if request.args.get("seen") == f"{platform.started}.{platform.store.revision}":
        return empty()
    state = state_of(platform, person)
    return json({"revision": f"{platform.started}.{platform.store.revision}", **state})


def state_of(platform: Platform, person: Person) -> dict[str, Any]:
    """The state of one phone."""
    state: dict[str, Any] = {
        "person": person.as_json(),
        "notices": chat.notices(platform, person),
        "page": platform.store.get("page", person.id),
        "web_view": platform.web_view_url(person),
        "service_url": platform.service_url,
        "program_url": platform.config.program_url,
        "agent": agents.of(platform, person).as_json(),
        "agents": [agent.as_json() for agent in agents.AGENTS.values()],
        "now": platform.clock.unix(),
        "recording": (platform.recorder.now or {}).get("title"),
    }
    for account in platform.config.accounts:
        state[account.kind] = {
            "name": account.name,
            "appid": account.appid,
            "openid": platform.openid(account, person),
            "lines": chat.lines(platform, account, person),
            "menu": menu_taps.buttons_on_phone(platform, account, person),
            "blocked": platform.store.get("blocked", f"{account.appid} {person.id}") is not None,
            "follows": platform.people.following(account, person) is not None,
            "subscriptions": [
                {
                    "id": t.id,
                    "title": t.title,
                    "left": subscribing.messages_left(platform, account, person, t.id),
                    "is_kept": platform.store.get("subscribe.kept", f"{account.appid} {person.id} {t.id}")
                    is not None,
                }
                for t in platform.templates(account, *subscribing.USES)
            ],
        }
    return state


def _agent(platform: Platform, person: Person, kind: str) -> dict[str, Any]:
    if kind not in agents.AGENTS:
        raise acts.CannotDo("没有这个客户端。")
    return agents.choose(platform, person, kind).as_json()


Act = Callable[[Platform, Person, dict[str, Any]], Any]

ACTS: dict[str, Act] = {
    "follow": lambda p, who, body: acts.follow(
        p, who, scene=str(body.get("scene", "")), ticket=str(body.get("ticket", ""))
    ),
    "unfollow": lambda p, who, body: acts.unfollow(p, who),
    "write": lambda p, who, body: acts.write(
        p, who, str(body.get("text", "")), choice=str(body.get("choice", ""))
    ),
    "send": lambda p, who, body: acts.send_other(p, who, str(body.get("kind", ""))),
    "block": lambda p, who, body: acts.block(p, who, on=bool(body.get("on", True))),
    "enter_program_chat": lambda p, who, body: acts.enter_program_chat(p, who),
    "write_to_program": lambda p, who, body: acts.write_to_program(p, who, str(body.get("text", ""))),
    "menu": lambda p, who, body: menu_taps.tap(p, who, str(body.get("path", ""))),
    "scancode": lambda p, who, body: menu_taps.tap(
        p, who, str(body.get("path", "")), str(body.get("text", ""))
    ),
    "agent": lambda p, who, body: _agent(p, who, str(body.get("kind", ""))),
    "scan": lambda p, who, body: acts.scan(
        p, who, str(body.get("text", "")), outside=bool(body.get("outside", False))
    ),
    "login": lambda p, who, body: {"code": acts.login_code(p, who)},
    "phone_code": lambda p, who, body: {"code": acts.phone_code(p, who)},
    "subscribe": lambda p, who, body: subscribing.ask(
        p,
        who,
        dict(body.get("answers") or {}),
        kind=str(body.get("account", "mp")),
        always=bool(body.get("always", False)),
    ),
    "subscriptions": lambda p, who, body: subscribing.main_switch(
        p, who, on=bool(body.get("on", True)), kind=str(body.get("account", "mp"))
    ),
    "user_data": lambda p, who, body: acts.user_data(p, who),
}


@bp.post("/api/act/<person_id:str>/<act:str>")
async def act(request: Request, person_id: str, act: str) -> HTTPResponse:
    """A person does something. With `?wait=1` the answer comes after all pushes have ended (tests)."""
    platform = _platform(request)
    person = platform.people.get(person_id)
    if person is None or act not in ACTS:
        return json({"problem": "没有这个人或这个动作。"}, status=404)
    try:
        outcome = ACTS[act](platform, person, request.json or {})
    except acts.CannotDo as problem:
        code = {} if problem.code is None else {"errCode": problem.code}
        return json({"problem": str(problem), **code}, status=409)
    platform.recorder.note(person, act, request.json or {})
    if request.args.get("wait") == "1":
        await platform.settle()
    return json(outcome or {})


@bp.post("/api/decode")
async def decode(request: Request) -> HTTPResponse:
    """The text of a QR in a picture."""
    texts = scanner.texts(request.body)
    if not texts:
        return json({"problem": "这张图片里没有认出二维码。"}, status=422)
    return json({"text": texts[0], "texts": texts})


@bp.post("/proxy")
async def proxy(request: Request) -> HTTPResponse:
    """wx.request of the console in the phone: to the service and nowhere else."""
    return json(await webview.request_as_program(_platform(request), dict(request.json or {})))
