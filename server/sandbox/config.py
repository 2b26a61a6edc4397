"""Which accounts the sandbox plays, where it pushes, and where it keeps its state."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Account:
    """One service account (`oa`) or mini-program (`mp`)."""

    kind: str
    appid: str
    secret: str
    token: str
    aes_key: str
    name: str

    @property
    def original_id(self) -> str:
        """The `gh_…` name that stands in ToUserName."""
        return "gh_" + hashlib.sha256(self.appid.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Template:
    """A message template of an account.

    Attributes:
        fields: its keywords; may stay open, then each key is judged by its own name.
        labels: what the person reads before each.
        use: `message` for template messages, `once` and `long` for subscription messages; by the account if empty.
        enums: the values that an enum or const keyword takes, by keyword.
    """

    id: str
    title: str
    account: str
    fields: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    use: str = ""
    enums: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def purpose(self) -> str:
        """`message`, `once` or `long` (wechat.md §4.5, §5)."""
        return self.use or ("message" if self.account == "oa" else "once")

    def as_json(self) -> dict[str, Any]:
        """As the store and the register file hold it."""
        labels = dict(zip(self.fields, self.labels, strict=False))
        return {
            "title": self.title,
            "fields": {name: labels.get(name, "") for name in self.fields},
            "use": self.use,
            "enums": {name: list(values) for name, values in self.enums.items()},
        }


def template_from(template_id: str, account: str, body: Mapping[str, Any]) -> Template:
    """Read what `Template.as_json` wrote; a person may have written it by hand."""
    labels = {str(name): str(label) for name, label in dict(body.get("fields") or {}).items()}
    enums = {str(name): tuple(map(str, values)) for name, values in dict(body.get("enums") or {}).items()}
    return Template(
        template_id,
        str(body.get("title", "")),
        account,
        tuple(labels),
        tuple(labels.values()),
        str(body.get("use", "")),
        enums,
    )


def registered(path: Path) -> list[Template]:
    """Templates that a project registers in a file: `[{"account", "id", "title", "use", "fields": {"thing1": "项目"}}]`."""
    if not path.exists():
        return []
    return [
        template_from(str(one["id"]), str(one.get("account", "oa")), one)
        for one in json.loads(path.read_text("utf-8"))
    ]


@dataclass(frozen=True, slots=True)
class RegisteredPerson:
    """A person whom a project wants in its WeChat; `role` is read beside the name: what this person is there for."""

    name: str
    mobile: str
    role: str = ""


def registered_people(path: Path) -> list[RegisteredPerson]:
    """People that a project registers in a file: `[{"name", "mobile", "role"}]`."""
    if not path.exists():
        return []
    return [
        RegisteredPerson(str(one["name"]), str(one["mobile"]), str(one.get("role", "")))
        for one in json.loads(path.read_text("utf-8"))
    ]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do next.

    Attributes:
        text: in the words of the button or of the page.
        place: what it opens in the phone of a person of this role: a path of the service (`/h5/results`), a page of the
            mini-program (`pages/results/index`) or a screen of the phone (`#scan`); nothing if empty.
        url: an address for the computer, instead: `{service}` stands for the service's origin.
    """

    text: str
    place: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Role:
    """Who one can be in this world; the people of whom it is said in their `role` are meant."""

    title: str
    about: str
    steps: tuple[Step, ...]


def registered_roles(path: Path) -> list[Role]:
    """Roles that a project registers in a file: `[{"title", "about", "steps": [{"text", "place" or "url"}]}]`."""
    if not path.exists():
        return []
    return [
        Role(
            str(one["title"]),
            str(one.get("about", "")),
            tuple(
                Step(str(step["text"]), str(step.get("place", "")), str(step.get("url", "")))
                for step in one.get("steps", ())
            ),
        )
        for one in json.loads(path.read_text("utf-8"))
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Merchant:
    """A direct merchant of WeChat Pay, and the keys the platform has for it; keys and certificates are PEM.

    Attributes:
        certificate: the merchant's registered API certificate; requests and paySign are checked against it.
        public_key_id: the name (`PUB_KEY_ID_…`) of the platform key `public_key_private`.
        platform_certificate: the platform's X.509 certificate, whose key is `platform_certificate_private`.
    """

    mchid: str
    name: str
    certificate: str
    apiv3_key: str
    public_key_id: str
    public_key_private: str
    platform_certificate: str
    platform_certificate_private: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """All that a sandbox needs to know.

    Attributes:
        service_url: origin of the service under test; its web pages open in the phone.
        push_urls: where pushes go, by kind of account; `{service_url}/wechat/oa` and `/wechat/mp` if not said.
        program_api: where the example mini-program finds its API; `{service_url}/mp/v1` if empty.
        data_path: SQLite file of the state; in memory if None.
        push_seconds: how long a push may take before it is dropped and sent again.
        retry_pause: seconds between a failed push and the next.
        push_mode: the cipher mode pushes start with; the switches page changes it.
        merchant: who may use WeChat Pay, linked with all accounts; None: nobody.
        people: who is there beside the invented people; each is added once.
        roles: who one can be here and what there is to do, for the start page; the general ones if empty.
    """

    accounts: tuple[Account, ...]
    service_url: str
    data_path: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8001
    templates: tuple[Template, ...] = ()
    push_seconds: float = 5.0
    retry_pause: float = 1.0
    push_mode: str = "safe"
    merchant: Merchant | None = None
    people: tuple[RegisteredPerson, ...] = ()
    push_urls: Mapping[str, str] = field(default_factory=dict)
    program_api: str = ""
    roles: tuple[Role, ...] = ()

    @property
    def program_url(self) -> str:
        """Where the example mini-program sends its requests."""
        return self.program_api or f"{self.service_url}/mp/v1"

    def account(self, kind: str) -> Account | None:
        """The account of this kind, if there is one."""
        return next((a for a in self.accounts if a.kind == kind), None)
