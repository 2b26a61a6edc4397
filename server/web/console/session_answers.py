"""What the console API answers about log-ins, second factors and API tokens."""

from __future__ import annotations

from datetime import datetime

from server.web.schema import Answer


class Me(Answer):
    id: int
    username: str
    name: str
    role: str
    role_label: str
    school_id: int | None
    must_change_password: bool
    has_second_factor: bool
    may: list[str]


class Session(Answer):
    csrf: str | None
    expires_at: datetime | None
    staff: Me


class Captcha(Answer):
    captcha_id: str
    image: str
    expires_in: int


class SecondFactorOffer(Answer):
    secret: str
    url: str
    png: str


class RecoveryCodes(Answer):
    recovery_codes: list[str]
    recovery_text: str


class Token(Answer):
    id: int
    label: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class NewToken(Token):
    token: str
