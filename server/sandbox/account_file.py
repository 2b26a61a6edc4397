"""The accounts that are played when nobody named any: invented once, and kept in `sandbox-account.env`.

The names that begin with `WECHAT_` are for the service that is tried; those that begin with `SANDBOX_` are what WeChat
alone knows (the platform's private keys) or registered (the merchant's certificate). A service may write the file
first, and names of its own in it: they stay.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from dotenv import dotenv_values

from server.sandbox.key_material import (
    certificate_of,
    midnight,
    private_key,
    public_key_of,
    serial_of,
    word,
)

FILE = "sandbox-account.env"
Values = Mapping[str, str]


def _public_key_id(values: Values) -> str:
    return f"PUB_KEY_ID_01{values['WECHAT_PAY_MCHID']}{midnight():%Y%m%d}0038{secrets.randbelow(10**10):010d}"


# Each name with how it is invented; what stands above may be used.
INVENTED: dict[str, Callable[[Values], str]] = {
    "WECHAT_OA_APPID": lambda _: "wxsandboxoa" + secrets.token_hex(4),
    "WECHAT_OA_SECRET": lambda _: secrets.token_hex(16),
    "WECHAT_OA_TOKEN": lambda _: word(24),
    "WECHAT_OA_AES_KEY": lambda _: word(42) + "A",
    "WECHAT_MP_APPID": lambda _: "wxsandboxmp" + secrets.token_hex(4),
    "WECHAT_MP_SECRET": lambda _: secrets.token_hex(16),
    "WECHAT_MP_TOKEN": lambda _: word(24),
    "WECHAT_MP_AES_KEY": lambda _: word(42) + "A",
    "WECHAT_PAY_MCHID": lambda _: f"19{secrets.randbelow(10**8):08d}",
    "WECHAT_PAY_MCH_KEY": lambda _: private_key(),
    "SANDBOX_PAY_MCH_CERTIFICATE": lambda values: certificate_of(
        values["WECHAT_PAY_MCH_KEY"], values["WECHAT_PAY_MCHID"], midnight()
    ),
    "WECHAT_PAY_MCH_SERIAL": lambda values: serial_of(values["SANDBOX_PAY_MCH_CERTIFICATE"]),
    "WECHAT_PAY_APIV3_KEY": lambda _: word(32),
    "WECHAT_PAY_PUBLIC_KEY_ID": _public_key_id,
    "SANDBOX_PAY_PUBLIC_KEY_PRIVATE": lambda _: private_key(),
    "WECHAT_PAY_PUBLIC_KEY": lambda values: public_key_of(values["SANDBOX_PAY_PUBLIC_KEY_PRIVATE"]),
    "SANDBOX_PAY_CERTIFICATE_PRIVATE": lambda _: private_key(),
    "WECHAT_PAY_CERTIFICATES": lambda values: certificate_of(
        values["SANDBOX_PAY_CERTIFICATE_PRIVATE"], "Tenpay.com sandbox", midnight()
    ),
}


def stored(folder: Path) -> dict[str, str]:
    """What is in the file, if there is one; leaves no trace."""
    file = folder / FILE
    if not file.exists():
        return {}
    return {name: value for name, value in dotenv_values(file, interpolate=False).items() if value}


def complete(folder: Path, wanted: Mapping[str, Callable[[Values], str]] | None = None) -> dict[str, str]:
    """The accounts; what the file does not hold yet is invented now and kept. Two that start at once agree.

    Args:
        wanted: each name with how it is invented; without, those of `INVENTED`.
    """
    invented = INVENTED if wanted is None else wanted
    account = stored(folder)
    if account.keys() >= invented.keys():
        return account
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{FILE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        account = stored(folder)
        for name, invent in invented.items():
            if name not in account:
                account[name] = invent(account)
        scratch = (folder / FILE).with_suffix(f".{os.getpid()}.new")
        scratch.touch(0o600)
        scratch.write_text("".join(_line(name, value) for name, value in account.items()), "utf-8")
        scratch.rename(folder / FILE)
    return account


def _line(name: str, value: str) -> str:
    """Quoted, so that a PEM keeps its lines; nothing invented here holds a quote."""
    return f"{name}='{value}'\n" if "\n" in value else f"{name}={value}\n"
