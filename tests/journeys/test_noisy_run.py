"""One story played twice, once quietly and once with every push duplicated, reordered and delayed and calls timing out.

The books at the end are the same, down to each message that each person got. One difference is the truth and not a
fault: a message without a key by which WeChat would recognise a second one is never sent again, so one that was lost on
the way there stays lost, and is known as such (wechat.md §4.5, §6.5).
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from server import demo_cohort
from server.adapters.keys import KeyFolder
from server.domain.exams import plans
from server.domain.issuance import organisation, preparing, scan_tickets
from server.domain.people import officers
from server.domain.ports import Services, WeChatIdentity
from server.models import Plan, PushSeen, School
from server.sandbox import subscribing, troubles
from server.settings import Settings
from server.web.h5.officer import invitation_url
from tests.conftest import fresh_database
from tests.journeys.books import Books, books, differences, with_what_was_lost
from tests.journeys.small_world import SmallWorld, everyone, insisting, small_world
from tests.kit import importing, make
from tests.kit.fakes import FakeClock
from tests.kit.stand_ins import stand_ins

PIN = "739264"
SHARE = 0.05  # of our calls: so many lost before WeChat acts, and as many cut after it acted
# Others can be tried: XCERT_NOISE_SEEDS=1,2,3. This one loses and cuts calls of eight kinds.
SEEDS = [int(seed) for seed in os.environ.get("XCERT_NOISE_SEEDS", "9987").split(",")]
NOISE = {
    "push_copies": 2,
    "push_hold": 7,
    "push_hold_seconds": 0.1,
    "push_delay_seconds": 0.03,
    "lose_share": SHARE,
    "drop_share": SHARE,
    "drop_after_seconds": 2.5,
}
LEVELS = ("初级", "中级")
TEMPLATES = ("mp-result", "mp-certificate")
UNREPEATABLE = ("/cgi-bin/message/subscribe/send", "/cgi-bin/message/custom/send")


def cohort() -> list[demo_cohort.Person]:
    """Twelve people of one school in one plan, in turn of either level; the last two did not pass."""
    found = demo_cohort.people(12, schools=1, seed=7)
    plan, day = demo_cohort.PLANS[0]
    return [
        replace(one, plan=plan, exam_date=day, level=LEVELS[i % 2], score=82.5 - i if i < 10 else 41.0)
        for i, one in enumerate(found)
    ]


async def story(w: SmallWorld) -> None:
    people = cohort()
    await prepared(w, people)
    await follow(w)
    await bind(w, people)
    await subscribe(w)
    await ask(w)
    await plans.release(
        w.services.clock, w.services.queue, (await Plan.get()).id, at=None, actor=make.OPERATOR
    )
    await w.after(5)
    await ask(w)
    for _ in range(8):  # what was put before they change their minds is there by then
        await w.after(60)
    await change_their_minds(w)
    await sign(w)
    await ask(w)
    for minutes in (*[1] * 10, 60, 24 * 60):  # sweeps as they are, until everything that is to come has come
        await w.after(60 * minutes)


async def prepared(w: SmallWorld, people: list[demo_cohort.Person]) -> None:
    """The sheets are in, and the menu is there."""
    for kind, book in (
        ("candidates", demo_cohort.people_book(people)),
        ("scores", demo_cohort.score_book(people)),
    ):
        run = await importing.take(w.services, kind, f"{kind}.xlsx", book)
        assert (run.rows_taken, run.rows_refused) == (len(people), 0)
    await w.services.queue.put("wechat.menu", once="wechat.menu")
    await w.settled()
    while not w.platform.store.all("menu"):  # tried again until WeChat has it
        await w.after(5)


async def follow(w: SmallWorld) -> None:
    """By search, by a QR, away and back again. p3 and p4 use the mini-program alone."""
    for who in ("p1", "p6", "p7", "p8", "p9"):
        (await w.somebody(who)).act("follow")
    (await w.somebody("p2")).act("follow", scene="poster", ticket="ticket-of-a-poster")
    for act in ("follow", "unfollow", "follow"):
        (await w.somebody("p5")).act(act)
        w.clock.forward(seconds=2)
        w.platform.clock.set(w.clock.now())
    await w.after(2)


async def bind(w: SmallWorld, people: list[demo_cohort.Person]) -> None:
    """On the page, in the mini-program, in both; with the phone number asked of WeChat."""

    async def on_the_page(who: str, person: demo_cohort.Person) -> None:
        phone = await w.somebody(who)
        await phone.open("/h5/bind")
        said = {"name": person.name, "id_number": person.id_number, "phone_last4": person.mobile[-4:]}
        answer = await phone.submit("/h5/bind", **said)
        assert answer.url.path == "/h5/results", answer.text

    async def in_the_program(who: str, person: demo_cohort.Person) -> None:
        phone = await w.somebody(who)
        body = {"name": person.name, "id_number": person.id_number, "phone_last4": person.mobile[-4:]}
        told = await phone.program("POST", "/binding", body)
        assert told["candidate"]["id_masked"].endswith(person.id_number[-4:])
        await phone.program("POST", "/binding/phone", phone_code="phone_code")

    at_the_page = {"p1": 0, "p2": 1, "p5": 4, "p6": 5, "p8": 7}
    in_program = {"p3": 2, "p4": 3, "p5": 4}
    # One after the other: whoever is bound second is told of in the other account, in both stories the same one.
    await asyncio.gather(*(on_the_page(who, people[i]) for who, i in at_the_page.items()))
    await asyncio.gather(*(in_the_program(who, people[i]) for who, i in in_program.items()))
    await w.after(2)


async def subscribe(w: SmallWorld) -> None:
    """Pop-ups in the mini-program: told by its client and by WeChat's event."""
    for who, answers in (
        ("p3", dict.fromkeys(TEMPLATES, "accept")),
        ("p4", dict.fromkeys(TEMPLATES, "accept")),
        ("p4", {"mp-result": "accept", "mp-certificate": "reject"}),
        ("p5", {"mp-result": "reject", "mp-certificate": "accept"}),
    ):
        phone = await w.somebody(who)
        told = phone.act("subscribe", answers=answers)
        topics = {"mp-result": "results_released", "mp-certificate": "certificate_issued"}
        accepted = [topics[one] for one, answer in told.items() if answer == "accept"]
        await phone.program("POST", "/subscriptions", {"accepted": accepted})
        await w.after(3)


async def ask(w: SmallWorld) -> None:
    """Words, taps and pictures in the official account; words in the mini-program's chat, which are answered late."""
    for who, text in (("p1", "成绩"), ("p2", "查成绩"), ("p9", "你好"), ("p5", "证书"), ("p8", "帮助")):
        phone = await w.somebody(who)
        if w.platform.people.following(w.platform.config.accounts[0], phone.person) is not None:
            phone.act("write", text=text)
    for who, path in (("p1", "1"), ("p6", "0"), ("p5", "2.4")):
        (await w.somebody(who)).act("menu", path=path)
    (await w.somebody("p9")).act("send", kind="image")
    await w.after(3)
    for who, text in (("p3", "成绩"), ("p4", "证书"), ("p9", "人工")):
        (await w.somebody(who)).act("write_to_program", text=text)
    await w.after(3)


async def change_their_minds(w: SmallWorld) -> None:
    """Before the certificates: p2 leaves, p8 unbinds, p6 takes no messages, p4 switches one kind off."""
    (await w.somebody("p2")).act("unfollow")
    (await w.somebody("p6")).act("block", on=True)
    subscribing.revoke(w.platform, (await w.somebody("p4")).person, "mp-certificate")
    p8 = await w.somebody("p8")
    await p8.open("/h5/bind")
    await p8.submit("/h5/unbind")
    await w.after(5)


async def sign(w: SmallWorld) -> None:
    """p7 becomes the school's officer, signs one batch on the page and the other in the mini-program; both are issued."""
    s, p7 = w.services, await w.somebody("p7")
    school, mobile = await School.get(), make.mobile()
    own = make.school_account(school)
    invitation = await officers.invite(s.clock, s.keys, school.id, "王签发", mobile, actor=own)
    await p7.open(invitation_url("", invitation.token))
    await p7.submit("/h5/officer", pin=PIN, pin_again=PIN, phone_last4=mobile[-4:])
    me = await officers.officer_for(await identity(w, "oa", "p7"))
    assert me is not None
    code = await officers.pairing_code(s.cache, await identity(w, "oa", "p7"))
    await p7.program("POST", "/officer-binding", {"code": code, "pin": PIN})
    first, second = await preparing.prepare(s, (await Plan.get()).id, actor=make.ISSUER_STAFF)
    for batch in (first, second):
        await organisation.org_sign(s, batch, actor=make.ISSUER_STAFF)
    shown = await scan_tickets.show(s, first, actor=make.ISSUER_STAFF)
    p7.act("scan", text=f"{s.settings.public_url}/s/{shown.token}")
    await p7.open(f"/s/{shown.token}")
    assert "已签发" in (await p7.submit(f"/s/{shown.token}/confirm", pin=PIN)).text
    shown = await scan_tickets.show(s, second, actor=make.ISSUER_STAFF)
    assert await insisting(lambda: s.wechat_links.scan_code_image(shown.scene))
    assert await p7.program("GET", f"/scans/{shown.scene}")
    await p7.program("POST", f"/scans/{shown.scene}/confirm", {"pin": PIN})
    for batch in (first, second):
        await organisation.hand_over(s, batch, actor=make.ISSUER_STAFF)
    await w.after(5)


async def identity(w: SmallWorld, kind: str, who: str) -> WeChatIdentity:
    account = w.platform.account(kind)
    assert account is not None
    return WeChatIdentity(kind, w.platform.openid(account, (await w.somebody(who)).person))


async def played(
    services: Services, postgres_url: str, redis_url: str, noise: dict[str, Any]
) -> tuple[Books, list[dict[str, Any]]]:
    """The story, its books, and what WeChat saw of it."""
    async with (
        fresh_database(postgres_url) as url,
        small_world(services, url, redis_url, noise, seconds=2.0 if noise else 60.0) as w,
    ):
        await story(w)
        assert w.broken == []
        assert await PushSeen.filter(state__in=["taken", "waiting", "sending"]).count() == 0
        people = {w.platform.openid(a, p): p.id for a in w.platform.config.accounts for p in everyone(w)}
        seen = [row for row in w.platform.timeline.rows(last=5000) if row["ok"] is not None]
        for row in seen:
            if isinstance(body := row.get("request"), dict) and "touser" in body:
                row["to"] = people[body["touser"]]
                row["request"] = json.loads(json.dumps(body).replace(w.services.settings.public_url, ""))
        return await books(w), seen


@pytest.fixture
def nobody(settings: Settings, clock: FakeClock, key_folder: KeyFolder) -> Services:
    """Keys and settings alone: each playing has a database and a service of its own."""
    return stand_ins(settings, clock, key_folder)


@pytest.mark.slow
@pytest.mark.timeout(400)  # some 30 s alone on a machine: two plays, and calls that time out
async def test_a_noisy_run_ends_with_the_books_of_a_quiet_one(
    nobody: Services, postgres_url: str, redis_url: str
) -> None:
    quiet, _ = await played(nobody, postgres_url, redis_url, {})
    wrong = {}
    for seed in SEEDS:
        noisy, storm = await played(nobody, postgres_url, redis_url, {**NOISE, "seed": seed})
        calls = [row for row in storm if row["direction"] == "in"]
        lost = [row for row in calls if row["verdict"] == troubles.LOST]
        cut = [row for row in calls if "回答被丢弃" in row["verdict"]]
        assert lost or cut, "the noise was none"
        arrivals = Counter(json.dumps(row["message"]) for row in storm if row["direction"] == "push")
        assert min(arrivals.values()) >= 2, "every push came twice"
        expected = with_what_was_lost(quiet, [row for row in lost if row["what"].endswith(UNREPEATABLE)])
        if found := differences(expected, noisy):
            wrong[seed] = found
    assert wrong == {}
