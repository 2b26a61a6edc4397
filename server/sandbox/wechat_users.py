"""The invented people who use this WeChat: who they are, and whom they follow."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from server.sandbox.config import Account, RegisteredPerson
from server.sandbox.store import Store

INVENTED = ("林知夏", "陈一诺", "周若宁", "赵明远", "苏婉清", "何思齐")
COLOURS = ("#3d7eaa", "#c06c4e", "#5b8c5a", "#8d6cab", "#b0803d", "#4a7c82", "#a85a73", "#5f6f8f")


@dataclass(frozen=True, slots=True)
class Person:
    """One person; `id` is fit for a host name; `role` says what a registered person is there for."""

    id: str
    name: str
    mobile: str
    role: str = ""

    @property
    def colour(self) -> str:
        return COLOURS[int(hashlib.sha256(self.id.encode()).hexdigest(), 16) % len(COLOURS)]

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "mobile": self.mobile,
            "role": self.role,
            "colour": self.colour,
        }


class People:
    """Everyone, their openids and whom they follow."""

    def __init__(self, store: Store, known: Sequence[RegisteredPerson] = ()) -> None:
        self._store = store
        entry = store.get("people", "key")
        if entry is None:
            entry = {"key": secrets.token_hex(32)}
            store.put("people", "key", entry)
            for name in INVENTED:
                self.add(name)
        self._key = bytes.fromhex(entry["key"])
        existing = {(person.name, person.mobile) for person in self.everyone()}
        for one in known:
            if (one.name, one.mobile) not in existing:
                self._keep(one.name, one.mobile, one.role)

    def add(self, name: str) -> Person:
        """Invent one more person, with a telephone number nobody has."""
        return self._keep(name, "", "")

    def _keep(self, name: str, mobile: str, role: str) -> Person:
        number = self._store.count("people", "number")
        name, mobile = name.strip()[:20] or f"路人{number}", mobile or f"199{number:08d}"
        person = Person(f"p{number}", name, mobile, role)
        self._store.put("person", person.id, {"name": name, "mobile": mobile, "role": role})
        return person

    def get(self, person_id: str) -> Person | None:
        body = self._store.get("person", person_id)
        return None if body is None else _read(person_id, body)

    def everyone(self) -> list[Person]:
        """Those with a role first, then as they came."""
        people = [_read(key, body) for key, body in self._store.all("person").items()]
        return sorted(people, key=lambda person: (not person.role, int(person.id[1:])))

    def _id(self, letter: str, *parts: str) -> str:
        digest = hmac.digest(self._key, "\n".join(parts).encode(), "sha256")
        return letter + base64.urlsafe_b64encode(digest).decode()[:27]

    def openid(self, appid: str, person: Person) -> str:
        """28 characters; another one for every account (wechat.md §0.6)."""
        openid = self._id("o", appid, person.id)
        if self._store.get("openid", f"{appid} {openid}") is None:
            self._store.put("openid", f"{appid} {openid}", {"person": person.id})
        return openid

    def snapshot_openid(self, appid: str, person: Person) -> str:
        """The virtual account of a preview page: not a person, and new each time."""
        return self._id("o", appid, person.id, "snapshot", secrets.token_hex(8))

    def unionid(self, person: Person) -> str:
        return self._id("u", "open-platform", person.id)

    def by_openid(self, appid: str, openid: str) -> Person | None:
        """Who has this openid in this account; None for another account's openid."""
        body = self._store.get("openid", f"{appid} {openid}")
        if body is not None:
            return self.get(body["person"])
        return next((p for p in self.everyone() if self.openid(appid, p) == openid), None)

    def follow(self, account: Account, person: Person, at: int, scene: str, qr_scene: str = "") -> None:
        self._store.put(
            "follow", f"{account.appid} {person.id}", {"at": at, "scene": scene, "qr_scene": qr_scene}
        )

    def unfollow(self, account: Account, person: Person) -> None:
        self._store.drop("follow", f"{account.appid} {person.id}")

    def following(self, account: Account, person: Person) -> dict[str, Any] | None:
        return self._store.get("follow", f"{account.appid} {person.id}")


def _read(person_id: str, body: dict[str, Any]) -> Person:
    return Person(person_id, body["name"], body["mobile"], body.get("role", ""))
