"""The account that the sandbox plays when nobody configured one: invented once, kept in the data folder.

The sandbox invents its own (`server.sandbox.account_file`); this service adds the numbers of its message templates, and
writes the file first. Keys and certificates are made in one place, the sandbox's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from server.sandbox import account_file
from server.sandbox.account_file import FILE as FILE
from server.sandbox.account_file import stored as stored
from server.sandbox.key_material import certificate_of as certificate_of
from server.sandbox.key_material import private_key as private_key
from server.sandbox.key_material import serial_of as serial_of
from server.sandbox.key_material import word as word

TEMPLATES = (
    "WECHAT_OA_TEMPLATE_RESULT",
    "WECHAT_OA_TEMPLATE_CERTIFICATE",
    "WECHAT_OA_TEMPLATE_CORRECTION",
    "WECHAT_OA_TEMPLATE_SIGNING",
    "WECHAT_OA_TEMPLATE_FEE_DUE",
    "WECHAT_OA_TEMPLATE_FEE_PAID",
    "WECHAT_OA_TEMPLATE_FEE_REFUNDED",
    "WECHAT_OA_TEMPLATE_FEE_CLOSING",
    "WECHAT_OA_SUBSCRIBE_RESULT",
    "WECHAT_OA_SUBSCRIBE_CERTIFICATE",
    "WECHAT_OA_SUBSCRIBE_CORRECTION",
    "WECHAT_OA_SUBSCRIBE_FEE_DUE",
    "WECHAT_OA_SUBSCRIBE_FEE_PAID",
    "WECHAT_OA_SUBSCRIBE_FEE_REFUNDED",
    "WECHAT_OA_SUBSCRIBE_FEE_CLOSING",
    "WECHAT_MP_TEMPLATE_RESULT",
    "WECHAT_MP_TEMPLATE_CERTIFICATE",
    "WECHAT_MP_TEMPLATE_CORRECTION",
    "WECHAT_MP_TEMPLATE_FEE_DUE",
    "WECHAT_MP_TEMPLATE_FEE_PAID",
    "WECHAT_MP_TEMPLATE_FEE_REFUNDED",
    "WECHAT_MP_TEMPLATE_FEE_CLOSING",
)

# Each name with how it is invented. A name added here later is added to old files too.
INVENTED: dict[str, Callable[[Mapping[str, str]], str]] = {
    **account_file.INVENTED,
    **{name: lambda _: word(43) for name in TEMPLATES},
}


def complete(data_dir: Path) -> dict[str, str]:
    """The invented account; what an older version did not know yet is invented now and kept.

    Two processes that start at once agree: whoever comes second reads what the first has written.
    """
    return account_file.complete(data_dir, INVENTED)
