"""Which accounts the sandbox plays, where it pushes, and where it keeps its state."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path

from server.settings import Settings


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

    `fields` may stay open, then each key is judged by its own name; `labels` is what the person reads before each.
    """

    id: str
    title: str
    account: str
    fields: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """All that a sandbox needs to know.

    Attributes:
        service_url: origin of the service under test; pushes go to `{service_url}/wechat/oa` and `/wechat/mp`.
        data_path: SQLite file of the state; in memory if None.
        push_seconds: how long a push may take before it is dropped and sent again.
        retry_pause: seconds between a failed push and the next.
        push_mode: the cipher mode pushes start with; the switches page changes it.
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

    def account(self, kind: str) -> Account | None:
        """The account of this kind, if there is one."""
        return next((a for a in self.accounts if a.kind == kind), None)


def from_settings(settings: Settings) -> SandboxConfig:
    """Read accounts, templates and addresses from the service's own settings."""
    accounts = [
        Account(kind, appid, secret, token, aes_key, name)
        for kind, appid, secret, token, aes_key, name in (
            (
                "oa",
                settings.oa_appid,
                settings.oa_secret,
                settings.oa_token,
                settings.oa_aes_key,
                settings.issuer,
            ),
            ("mp", settings.mp_appid, settings.mp_secret, settings.mp_token, settings.mp_aes_key, "小程序"),
        )
        if appid
    ]
    templates = [
        Template(str(getattr(settings, f.name)), f.metadata["help"].rpartition("：")[2], kind)
        for f in fields(settings)
        for kind in ("oa", "mp")
        if f.name.startswith(f"{kind}_template_") and getattr(settings, f.name)
    ]
    return SandboxConfig(
        accounts=tuple(accounts),
        service_url=settings.public_url,
        data_path=settings.data_dir / "sandbox" / "state.sqlite3",
        port=settings.sandbox_port,
        templates=tuple(templates),
        push_mode=settings.oa_mode,
    )
