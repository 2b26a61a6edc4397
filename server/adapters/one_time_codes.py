"""Codes of authenticator apps (RFC 6238), by pyotp."""

from __future__ import annotations

import pyotp


class TotpCodes:
    """Implements the OneTimeCodes port. Pure arithmetic: tests use it as it is."""

    def new_secret(self) -> str:
        return pyotp.random_base32()

    def code(self, secret: str, step: int) -> str:
        return pyotp.TOTP(secret).generate_otp(step)

    def address(self, secret: str, *, account: str, issuer: str) -> str:
        return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)
