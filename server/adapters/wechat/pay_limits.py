"""What WeChat Pay takes as text, number and amount; looked at before anything is sent (wechat.md §7.4)."""

from __future__ import annotations

import re

from server.domain.ports.payments import LONGEST_REASON_BYTES
from server.errors import Refused

ORDER_NUMBER = re.compile(r"[0-9A-Za-z_-]{6,32}")  # narrower than WeChat's: it stands in a URL's path
REFUND_NUMBER = re.compile(r"[0-9A-Za-z_-]{1,64}")
DESCRIPTION_LONGEST, ATTACH_LONGEST, REASON_LONGEST = 127, 128, LONGEST_REASON_BYTES  # bytes in UTF-8


def check_text(what: str, text: str, longest: int, *, needed: bool = False) -> None:
    """WeChat Pay takes UTF-8 of one to three bytes: no emoji, no rare characters of Extension B and later.

    Raises Refused pay_text, also for a length beyond `longest` bytes: WeChat Pay counts those.
    """
    if any(ord(character) > 0xFFFF for character in text):
        raise Refused("pay_text", f"{what}含有微信支付不接受的字符（生僻字或表情），请改写。")
    if len(text.encode()) > longest or (needed and not text.strip()):
        least = 1 if needed else 0
        raise Refused("pay_text", f"{what}应为 {least} 至 {longest} 字节，即最多 {longest // 3} 个汉字。")


def check_amount(amount_fen: int) -> None:
    """Integer fen, at least one. Raises Refused pay_amount."""
    if type(amount_fen) is not int or amount_fen < 1:
        raise Refused("pay_amount", "金额应为不少于 1 分的整数。")


def check_number(form: re.Pattern[str], number: str) -> None:
    """Raises Refused pay_number."""
    if not form.fullmatch(number):
        raise Refused("pay_number", "单号只能由字母、数字、下划线和连字符组成，且长度合规。")
