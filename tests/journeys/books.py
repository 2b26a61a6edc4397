"""The books of a small world: everything that is so at the end of a story, and how two of them differ."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from server.domain.issuance import receipts
from server.models import (
    AuditEntry,
    Binding,
    Candidate,
    Certificate,
    Delivery,
    Follower,
    Grant,
    Issuance,
    Receipt,
    Registration,
    Score,
)
from server.sandbox import chat, subscribing
from tests.journeys.small_world import SmallWorld, everyone, insisting

TOPICS = {"mp-result": "results_released", "mp-certificate": "certificate_issued"}

Books = dict[str, list[Any]]


async def books(w: SmallWorld) -> Books:
    """Everything that is so at the end, by people and names, without the moments and numbers of rows."""
    who = {
        w.platform.openid(account, person): person.id
        for account in w.platform.config.accounts
        for person in everyone(w)
    } | {"": ""}  # who is bound nowhere is written to nowhere
    # The digests are of salted lists: another world's are others, but each receipt is of a list that is here.
    lists = {bytes(one.list_sha256 or b"").hex() for one in await Issuance.all()}
    names = dict(await Candidate.all().values_list("id", "name"))
    found: Books = {
        "bindings": [
            (who[b.openid], b.account, names[b.candidate_id], b.unbound_at is None)
            for b in await Binding.all()
        ],
        "followers": [(who[f.openid], f.is_following) for f in await Follower.all()],
        "grants": [(who[g.openid], g.account, g.topic, g.remaining) for g in await Grant.all()],
        "deliveries": [(who[d.openid], d.topic, d.channel, d.state) for d in await Delivery.all()],
        "scores": [(s.subject, str(s.score), s.status) for s in await Score.all()],
        "outcomes": [tuple(row) for row in await outcomes()],
        "batches": [(i.state, i.revision, i.count, i.issued_on) for i in await Issuance.all()],
        "certificates": [(c.number, names[c.candidate_id], c.state) for c in await Certificate.all()],
        "receipts": [
            (said.action, said.revision, said.list_sha256 in lists, said.officer)
            for said in [receipts.verify(w.services.keys, bytes(r.document)) for r in await Receipt.all()]
        ],
        "audit": [(a.action, a.actor_kind, a.actor_name) for a in await AuditEntry.all()],
        "menu": [json.dumps(await insisting(w.services.wechat_console.current_menu), sort_keys=True).replace(
            w.services.settings.public_url, "")],
    }  # fmt: skip
    for person in everyone(w):
        cards = chat.notices(w.platform, person)
        found[f"notices of {person.id}"] = [
            (card["title"], json.dumps(card["fields"], ensure_ascii=False)) for card in cards
        ]
        for account in w.platform.config.accounts:
            lines = chat.lines(w.platform, account, person)
            found[f"{account.kind} chat of {person.id}"] = [
                (line["from"], line["kind"], line.get("text", "").replace(w.services.settings.public_url, ""))
                for line in lines
            ]
            for template in w.platform.templates(account, *subscribing.USES):
                left = subscribing.messages_left(w.platform, account, person, template.id)
                found.setdefault("left at WeChat", []).append((person.id, account.kind, template.id, left))
    return {name: sorted(rows) for name, rows in found.items()}


async def outcomes() -> list[Any]:
    return await Registration.all().values_list("admission_number", "outcome")


def with_what_was_lost(quiet: Books, lost: list[dict[str, Any]]) -> Books:
    """The quiet books without the messages that cannot be sent a second time and did not reach WeChat the first time.

    An answer by customer-service message is missing in the chat. A subscription message is missing in 服务通知 and known
    as unknown; WeChat still holds its grant, which we may not count on.
    """
    books = {name: list(rows) for name, rows in quiet.items()}
    for row in lost:
        to, body = row["to"], row["request"]
        if row["what"].endswith("/custom/send"):
            kind = next(kind for kind in ("mp", "oa") if spoken(body) in books[f"{kind} chat of {to}"])
            books[f"{kind} chat of {to}"].remove(spoken(body))
        else:
            row_of = (to, TOPICS[body["template_id"]], "mp_subscription")
            books["deliveries"].remove((*row_of, "delivered"))
            books["deliveries"].append((*row_of, "unknown"))
            values = {value["value"] for value in body["data"].values()}
            books[f"notices of {to}"] = [
                card
                for card in books[f"notices of {to}"]
                if {field[-1] for field in json.loads(card[1])} != values
            ]
            grant = (to, "mp", body["template_id"])
            books["left at WeChat"] = [
                (*one[:3], one[3] + 1) if one[:3] == grant else one for one in books["left at WeChat"]
            ]
    return {name: sorted(rows) for name, rows in books.items()}


def spoken(body: dict[str, Any]) -> tuple[str, str, str]:
    return ("account", "text", body["text"]["content"])


def differences(expected: Books, found: Books) -> dict[str, Any]:
    """What stands in one of the books alone: missing, and too much."""
    return {
        name: (Counter(expected[name]) - Counter(found[name]), Counter(found[name]) - Counter(expected[name]))
        for name in expected
        if expected[name] != found[name]
    }
