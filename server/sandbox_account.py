"""The account that the sandbox plays when nobody configured one: invented once, kept in the data folder.

The names that begin with `WECHAT_` are the service's settings; those that begin with `SANDBOX_` are what WeChat alone
knows (the platform's private keys) or registered (the merchant's certificate), and only the sandbox reads them.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from dotenv import dotenv_values

FILE = "sandbox-account.env"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
CERTIFICATE_DAYS = 5 * 365  # wechat.md §7.2, §7.7: platform and merchant certificates live five years

Values = Mapping[str, str]


def word(length: int) -> str:
    """Random letters and digits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def private_key() -> str:
    """A new RSA key of 2048 bits as PEM (PKCS#8), as the merchant tool makes them."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*form).decode()


def _loaded(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def public_key_of(private: str) -> str:
    """The public half of a private key, PEM."""
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return _loaded(private).public_key().public_bytes(*form).decode()


def certificate_of(private: str, name: str, begins: datetime) -> str:
    """A self-made X.509 certificate over a private key, valid for five years, PEM; its serial has 40 hex digits."""
    key = _loaded(private)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "WeChat sandbox"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    serial = int.from_bytes(bytes([0x10 + secrets.randbelow(0x60)]) + secrets.token_bytes(19))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=CERTIFICATE_DAYS))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def serial_of(certificate: str) -> str:
    """The serial number as WeChat writes it: hex digits in upper case, 40 of them in its own certificates."""
    return f"{x509.load_pem_x509_certificate(certificate.encode()).serial_number:X}"


def _today() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _public_key_id(values: Values) -> str:
    return f"PUB_KEY_ID_01{values['WECHAT_PAY_MCHID']}{_today():%Y%m%d}0038{secrets.randbelow(10**10):010d}"


# Each name with how it is invented; what stands above may be used. A name added here later is added to old files too.
INVENTED: dict[str, Callable[[Values], str]] = {
    "WECHAT_OA_APPID": lambda _: "wxsandboxoa" + secrets.token_hex(4),
    "WECHAT_OA_SECRET": lambda _: secrets.token_hex(16),
    "WECHAT_OA_TOKEN": lambda _: word(24),
    "WECHAT_OA_AES_KEY": lambda _: word(42) + "A",
    "WECHAT_MP_APPID": lambda _: "wxsandboxmp" + secrets.token_hex(4),
    "WECHAT_MP_SECRET": lambda _: secrets.token_hex(16),
    "WECHAT_MP_TOKEN": lambda _: word(24),
    "WECHAT_MP_AES_KEY": lambda _: word(42) + "A",
    "WECHAT_OA_TEMPLATE_RESULT": lambda _: word(43),
    "WECHAT_OA_TEMPLATE_CERTIFICATE": lambda _: word(43),
    "WECHAT_OA_TEMPLATE_CORRECTION": lambda _: word(43),
    "WECHAT_OA_TEMPLATE_SIGNING": lambda _: word(43),
    "WECHAT_OA_TEMPLATE_FEE_DUE": lambda _: word(43),
    "WECHAT_OA_TEMPLATE_FEE_PAID": lambda _: word(43),
    "WECHAT_OA_TEMPLATE_FEE_REFUNDED": lambda _: word(43),
    "WECHAT_OA_TEMPLATE_FEE_CLOSING": lambda _: word(43),
    "WECHAT_OA_SUBSCRIBE_RESULT": lambda _: word(43),
    "WECHAT_OA_SUBSCRIBE_CERTIFICATE": lambda _: word(43),
    "WECHAT_OA_SUBSCRIBE_CORRECTION": lambda _: word(43),
    "WECHAT_OA_SUBSCRIBE_FEE_DUE": lambda _: word(43),
    "WECHAT_OA_SUBSCRIBE_FEE_PAID": lambda _: word(43),
    "WECHAT_OA_SUBSCRIBE_FEE_REFUNDED": lambda _: word(43),
    "WECHAT_OA_SUBSCRIBE_FEE_CLOSING": lambda _: word(43),
    "WECHAT_MP_TEMPLATE_RESULT": lambda _: word(43),
    "WECHAT_MP_TEMPLATE_CERTIFICATE": lambda _: word(43),
    "WECHAT_MP_TEMPLATE_CORRECTION": lambda _: word(43),
    "WECHAT_MP_TEMPLATE_FEE_DUE": lambda _: word(43),
    "WECHAT_MP_TEMPLATE_FEE_PAID": lambda _: word(43),
    "WECHAT_MP_TEMPLATE_FEE_REFUNDED": lambda _: word(43),
    "WECHAT_MP_TEMPLATE_FEE_CLOSING": lambda _: word(43),
    "WECHAT_PAY_MCHID": lambda _: f"19{secrets.randbelow(10**8):08d}",
    "WECHAT_PAY_MCH_KEY": lambda _: private_key(),
    "SANDBOX_PAY_MCH_CERTIFICATE": lambda values: certificate_of(
        values["WECHAT_PAY_MCH_KEY"], values["WECHAT_PAY_MCHID"], _today()
    ),
    "WECHAT_PAY_MCH_SERIAL": lambda values: serial_of(values["SANDBOX_PAY_MCH_CERTIFICATE"]),
    "WECHAT_PAY_APIV3_KEY": lambda _: word(32),
    "WECHAT_PAY_PUBLIC_KEY_ID": _public_key_id,
    "SANDBOX_PAY_PUBLIC_KEY_PRIVATE": lambda _: private_key(),
    "WECHAT_PAY_PUBLIC_KEY": lambda values: public_key_of(values["SANDBOX_PAY_PUBLIC_KEY_PRIVATE"]),
    "SANDBOX_PAY_CERTIFICATE_PRIVATE": lambda _: private_key(),
    "WECHAT_PAY_CERTIFICATES": lambda values: certificate_of(
        values["SANDBOX_PAY_CERTIFICATE_PRIVATE"], "Tenpay.com sandbox", _today()
    ),
}


def _line(name: str, value: str) -> str:
    """Quoted, so that a PEM keeps its lines; nothing invented here holds a quote."""
    return f"{name}='{value}'\n" if "\n" in value else f"{name}={value}\n"


def stored(data_dir: Path) -> dict[str, str]:
    """The invented account, if there is one; leaves no trace."""
    file = data_dir / FILE
    if not file.exists():
        return {}
    return {name: value for name, value in dotenv_values(file, interpolate=False).items() if value}


def complete(data_dir: Path) -> dict[str, str]:
    """The invented account; what an older version did not know yet is invented now and kept.

    Two processes that start at once agree: whoever comes second reads what the first has written.
    """
    account = stored(data_dir)
    if account.keys() >= INVENTED.keys():
        return account
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / f"{FILE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        account = stored(data_dir)
        for name, invent in INVENTED.items():
            if name not in account:
                account[name] = invent(account)
        file = data_dir / FILE
        scratch = file.with_suffix(f".{os.getpid()}.new")
        scratch.touch(0o600)
        scratch.write_text("".join(_line(name, value) for name, value in account.items()), "utf-8")
        scratch.rename(file)
    return account
