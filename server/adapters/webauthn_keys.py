"""Passkeys by py_webauthn, which is imported at the first use: it takes a tenth of a second, at every start."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson

from server.domain.ports.credentials import NewPasskey
from server.errors import Refused

RP_NAME = "证书签发工作台"
TIMEOUT_MS = 120_000
LONGEST_ID = 1023  # bytes of a credential's number (WebAuthn Level 3 §7.1, step 25)


def _refusal() -> Refused:
    return Refused("passkey_invalid", "没有认出这把通行密钥，或已超时，请重试。", title="没有通过验证")


class WebAuthnPasskeys:
    """Implements the Passkeys port. Pure: tests use it as it is.

    Args:
        public_url: XCERT_PUBLIC_URL. A browser takes no key for a bare address: on one's own machine it is localhost.
    """

    def __init__(self, public_url: str) -> None:
        parts = urlsplit(public_url)
        self._rp_id = _domain(parts.hostname or "localhost")
        port = f":{parts.port}" if parts.port is not None else ""
        self.origin = f"{parts.scheme}://{self._rp_id}{port}"

    def creation(
        self, challenge: bytes, *, user: bytes, names: tuple[str, str], known: Sequence[bytes]
    ) -> str:
        import webauthn as w
        from webauthn.helpers import structs

        options = w.generate_registration_options(
            rp_id=self._rp_id,
            rp_name=RP_NAME,
            user_id=user,
            user_name=names[0],
            user_display_name=names[1],
            challenge=challenge,
            timeout=TIMEOUT_MS,
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.REQUIRED,
                user_verification=structs.UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[structs.PublicKeyCredentialDescriptor(id=one) for one in known],
        )
        return w.options_to_json(options)

    def request(self, challenge: bytes) -> str:
        import webauthn as w
        from webauthn.helpers import structs

        return w.options_to_json(
            w.generate_authentication_options(
                rp_id=self._rp_id,
                challenge=challenge,
                timeout=TIMEOUT_MS,
                user_verification=structs.UserVerificationRequirement.REQUIRED,
            )
        )

    def made(self, credential: str, challenge: bytes) -> NewPasskey:
        import webauthn as w
        from webauthn.helpers.exceptions import WebAuthnException

        try:
            verified = w.verify_registration_response(
                credential=_read(credential),
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self.origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError, AttributeError):
            raise _refusal() from None
        if len(verified.credential_id) > LONGEST_ID:
            raise _refusal()
        return NewPasskey(
            verified.credential_id,
            verified.credential_public_key,
            verified.sign_count,
            verified.credential_backed_up,
        )

    def named(self, credential: str) -> bytes:
        from webauthn.helpers import base64url_to_bytes

        try:
            return bytes(base64url_to_bytes(_read(credential)["rawId"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise _refusal() from None

    def used(self, credential: str, challenge: bytes, *, public_key: bytes, sign_count: int) -> int:
        import webauthn as w
        from webauthn.helpers.exceptions import WebAuthnException

        try:
            verified = w.verify_authentication_response(
                credential=_read(credential),
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self.origin,
                credential_public_key=public_key,
                credential_current_sign_count=sign_count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError, AttributeError):
            raise _refusal() from None
        return int(verified.new_sign_count)


def _domain(host: str) -> str:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    return "localhost"


def _read(credential: str) -> dict[str, Any]:
    found = orjson.loads(credential)  # however deep it goes, it is a ValueError and no RecursionError
    if not isinstance(found, dict):
        raise TypeError
    return found
